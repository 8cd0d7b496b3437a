#include "helpers/libvirt/event_loop.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <csignal>
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

}  // namespace passthrough
