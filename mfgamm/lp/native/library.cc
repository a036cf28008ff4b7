// The library's one entry point: XLA's foreign function interface.

#include <condition_variable>
#include <memory>
#include <mutex>

#include "worker.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

// Shared by the workers of one call. Tasks that the pool starts late find nothing left to do, after
// the call has returned: they may touch this, and nothing of the caller's.
struct Crew {
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::condition_variable done;
  int working = 0;
  bool closed = false;

  bool join() {
    std::lock_guard<std::mutex> lock(mutex);
    if (closed) return false;
    ++working;
    return true;
  }
  void leave() {
    std::lock_guard<std::mutex> lock(mutex);
    if (--working == 0) done.notify_all();
  }
  void close_and_wait() {
    std::unique_lock<std::mutex> lock(mutex);
    closed = true;
    done.wait(lock, [this] { return working == 0; });
  }
};

void solve(const Problem& problem, const Answer& answer, const Settings& settings,
           ffi::ThreadPool& pool) {
  auto crew = std::make_shared<Crew>();
  const int64_t blocks = (problem.lanes + BLOCK - 1) / BLOCK;
  const int64_t others = std::min<int64_t>(pool.num_threads(), blocks) - 1;
  for (int64_t i = 0; i < others; ++i)
    pool.Schedule([crew, &problem, &answer, &settings] {
      if (!crew->join()) return;
      Worker(problem, answer, settings, crew->next).run();
      crew->leave();
    });
  Worker(problem, answer, settings, crew->next).run();
  crew->close_and_wait();
}

using Array = ffi::AnyBuffer;
using Result = ffi::Result<ffi::AnyBuffer>;

const double* optional(const Array& array) {
  return array.element_count() > 0 ? array.typed_data<double>() : nullptr;
}

ffi::Error solve_programs(ffi::ThreadPool pool, Array cost, Array curvature, Array lower,
                          Array upper, Array balance, Array inflow, Array gain_in, Array gain_out,
                          Array retention, Array start_variables, Array start_balance,
                          Array start_storage, Array tolerance, Array barrier,
                          Array max_iterations, Result variables, Result multipliers_balance,
                          Result multipliers_storage, Result objective, Result stiffness_lower,
                          Result stiffness_upper, Result status, Result primal, Result dual,
                          Result gap, Result centrality, Result iterations, Result bound) {
  auto numbers = [](const Array& array) { return array.typed_data<double>(); };
  auto filled = [](Result& result) { return result->typed_data<double>(); };
  const auto shape = cost.dimensions();
  const Problem problem{shape[1], shape[2], numbers(cost), optional(curvature), numbers(lower),
                        numbers(upper), numbers(balance), numbers(inflow), numbers(gain_in),
                        numbers(gain_out), numbers(retention), optional(start_variables),
                        optional(start_balance), optional(start_storage)};
  const Answer answer{filled(variables), filled(multipliers_balance), filled(multipliers_storage),
                      filled(objective), filled(stiffness_lower), filled(stiffness_upper),
                      status->typed_data<int32_t>(), filled(primal), filled(dual), filled(gap),
                      filled(centrality), iterations->typed_data<int32_t>(), filled(bound)};
  const Settings settings{numbers(tolerance)[0], numbers(barrier)[0],
                          max_iterations.typed_data<int32_t>()[0]};
  solve(problem, answer, settings, pool);
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    SolvePrograms, solve_programs,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>());
