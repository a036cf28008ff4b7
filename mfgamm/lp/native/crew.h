// Work shared among the threads of XLA's pool.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

// Shared by the workers of one call. Tasks that the pool starts late find nothing left to do, after
// the call has returned: they may touch this, and nothing of the caller's.
struct Crew {
  std::atomic<int64_t> next{0};  // the first lane that nobody has taken yet
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

// Runs `work(next)` on the calling thread and on as many of the pool as there are shares of work.
template <class Work>
void work_together(xla::ffi::ThreadPool& pool, int64_t shares, const Work& work) {
  auto crew = std::make_shared<Crew>();
  const int64_t others = std::min<int64_t>(pool.num_threads(), shares) - 1;
  for (int64_t i = 0; i < others; ++i)
    pool.Schedule([crew, &work] {
      if (!crew->join()) return;
      work(crew->next);
      crew->leave();
    });
  work(crew->next);
  crew->close_and_wait();
}
