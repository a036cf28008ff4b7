// The library's entry points, through XLA's foreign function interface.

#include "crew.h"
#include "exchange_response.h"
#include "linear_system.h"
#include "worker.h"

namespace ffi = xla::ffi;

namespace {

using Array = ffi::AnyBuffer;
using Result = ffi::Result<ffi::AnyBuffer>;

const double* numbers(const Array& array) { return array.typed_data<double>(); }
double* filled(Result& result) { return result->typed_data<double>(); }
const double* optional(const Array& array) {
  return array.element_count() > 0 ? numbers(array) : nullptr;
}

ffi::Error solve_programs(ffi::ThreadPool pool, Array cost, Array curvature, Array lower,
                          Array upper, Array balance, Array inflow, Array gain_in, Array gain_out,
                          Array retention, Array start_variables, Array start_balance,
                          Array start_storage, Array tolerance, Array barrier,
                          Array max_iterations, Result variables, Result multipliers_balance,
                          Result multipliers_storage, Result objective, Result stiffness_lower,
                          Result stiffness_upper, Result status, Result primal, Result dual,
                          Result gap, Result centrality, Result iterations, Result bound) {
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
  work_together(pool, (problem.lanes + BLOCK - 1) / BLOCK, [&](std::atomic<int64_t>& next) {
    Worker(problem, answer, settings, next).run();
  });
  return ffi::Error::Success();
}

ffi::Error solve_linear(ffi::ThreadPool pool, Array gain_in, Array gain_out, Array retention,
                        Array variance, Array r1, Array r2_balance, Array r2_storage, Result move,
                        Result y_balance, Result y_storage) {
  const auto shape = variance.dimensions();
  const LinearSystem system{shape[1], shape[2], numbers(gain_in), numbers(gain_out),
                            numbers(retention), numbers(variance), numbers(r1),
                            numbers(r2_balance), numbers(r2_storage), filled(move),
                            filled(y_balance), filled(y_storage)};
  work_together(pool, (system.lanes + WIDTH - 1) / WIDTH, [&](std::atomic<int64_t>& next) {
    LinearWorker(system, next).run();
  });
  return ffi::Error::Success();
}

void add_parts(const ResponseProblem& problem, const std::vector<double>& parts, double* sums) {
  const int64_t size = problem.size();
  std::fill(sums, sums + problem.ranges * size, 0.0);
  for (int64_t part = 0; part < problem.parts(); ++part) {
    double* sum = sums + part / problem.parts_per_range() * size;
    for (int64_t i = 0; i < size; ++i) sum[i] += parts[part * size + i];
  }
}

ffi::Error respond_exchanges(ffi::ThreadPool pool, Array gain_in, Array gain_out,
                             Array retention, Array variance, Array weights, Array starts,
                             Result response) {
  const auto shape = variance.dimensions();
  const int64_t ranges = static_cast<int64_t>(starts.element_count()) - 1;
  const ResponseProblem problem{shape[1], shape[2], ranges, numbers(gain_in), numbers(gain_out),
                                numbers(retention), numbers(variance), numbers(weights),
                                starts.typed_data<int32_t>()};
  std::vector<double> parts(problem.parts_per_range() > 1 ? problem.parts() * problem.size() : 0);
  double* sums = parts.empty() ? filled(response) : parts.data();
  work_together(pool, problem.parts(), [&](std::atomic<int64_t>& next) {
    ResponseWorker(problem, sums, next).run();
  });
  if (!parts.empty()) add_parts(problem, parts, filled(response));
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

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    SolveLinear, solve_linear,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    RespondExchanges, respond_exchanges,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
        .Ret<ffi::AnyBuffer>());
