#include "helpers/libvirt/event_loop.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <thread>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

void IgnoreError(void*, virErrorPtr) {}

void RunEventLoop() {
  while (virEventRunDefaultImpl() >= 0) {
  }
}

// Signals are the main thread's: the new thread starts with all of them blocked.
void StartThreadWithoutSignals() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(RunEventLoop).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Counts the rounds of the event loop.
struct Rounds {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;
};

using SharedRounds = std::shared_ptr<Rounds>;

// Called once a round. The round that is under way when the timer is added may have passed the
// place where it frees things; the next one frees them before it comes here.
void CountRound(int timer, void* opaque) {
  Rounds& rounds = **static_cast<SharedRounds*>(opaque);
  const std::lock_guard lock(rounds.mutex);
  if (++rounds.count < 2) return;
  virEventRemoveTimeout(timer);
  rounds.changed.notify_all();
}

void FreeRounds(void* opaque) { delete static_cast<SharedRounds*>(opaque); }

}  // namespace

void StartLibvirtEventLoop() {
  static std::once_flag once;
  std::call_once(once, [] {
    virSetErrorFunc(nullptr, IgnoreError);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
      throw LibvirtError("cannot start libvirt's client library");
    }
    StartThreadWithoutSignals();
  });
}

void DrainLibvirtEventLoop() {
  const auto rounds = std::make_shared<Rounds>();
  auto opaque = std::make_unique<SharedRounds>(rounds);
  if (virEventAddTimeout(0, CountRound, opaque.get(), FreeRounds) < 0) return;
  static_cast<void>(opaque.release());  // libvirt's now
  std::unique_lock lock(rounds->mutex);
  rounds->changed.wait_for(lock, std::chrono::seconds(2), [&] { return rounds->count >= 2; });
}

}  // namespace passthrough
