// The lab host from inside: commands over SSH, as root.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "helpers/base/deadline.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// One thread at a time.
class LabGuest {
 public:
  // Waits until the SSH server on 127.0.0.1:`port` answers, and pins its key in `known_hosts`.
  // `still_alive` is called while waiting and throws where there is nothing left to wait for.
  // Throws SshError, TimeoutError, InterruptedError.
  static LabGuest Connect(uint16_t port, const std::filesystem::path& key, const std::filesystem::path& known_hosts,
                          const std::function<void()>& still_alive, const Deadline& deadline);

  // Runs a shell command and returns what it prints. Throws Error with the end of its output where
  // it does not exit 0.
  std::string Run(const std::string& command, const Deadline& deadline);

  // The same for the text of a script.
  std::string RunScript(const std::string& script, const Deadline& deadline);

  // Sets the clock to this machine's: a saved state has its own.
  void SetClock(const Deadline& deadline);

  // Whether an SSH server greets at `address`, which is a node's, within 10 s. Throws as Run does.
  bool Greets(const std::string& address, const Deadline& deadline);

  // Makes every VM on the lab host stand still, without libvirt's knowledge, and go on. Standing
  // still is for saving the lab host: an emulated processor is not to be saved while it executes a
  // VM (SVM's guest mode), for QEMU refuses such a state when it loads it: "vCPU set in guest-mode
  // inconsistent with migrated kernel nested state" (QEMU's target/i386/machine.c). Going on does
  // nothing where nothing was made to stand still, by this lab or by the one it was restored from.
  void FreezeVms(const Deadline& deadline);
  void ThawVms(const Deadline& deadline);

 private:
  LabGuest(std::unique_ptr<HostKeys> host_keys, SshSession session)
      : host_keys_(std::move(host_keys)), session_(std::move(session)) {}

  std::unique_ptr<HostKeys> host_keys_;
  SshSession session_;
};

}  // namespace passthrough
