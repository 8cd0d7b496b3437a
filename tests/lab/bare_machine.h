// A lab host's machine with neither kernel nor image: its firmware runs, finds nothing to start and
// waits. Enough to see that QEMU takes a topology, and to save and load it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "lab/host/lab_disks.h"
#include "lab/host/machine.h"
#include "lab/host/qemu_process.h"
#include "lab/host/qmp.h"
#include "lab/host/saved_state.h"

namespace passthrough {

class BareMachine {
 public:
  // `layer` is made over `base` where it is not there yet.
  BareMachine(const std::filesystem::path& directory, const std::string& name, const Plan& plan,
              const std::filesystem::path& layer, bool incoming, const std::vector<std::string>& more = {})
      : socket_(directory / "qmp.sock"), name_(name) {
    LabMachine machine;
    machine.qemu = QemuProgram();
    machine.memory_mib = 128;
    machine.cpus = 1;
    machine.topology = MakeLabTopology(plan);
    LabInstance instance;
    instance.name = name;
    instance.disk = layer;
    instance.incoming = incoming;
    std::vector<std::string> arguments;
    const std::vector<std::string> all = MachineArguments(machine);
    for (size_t i = 0; i < all.size(); ++i) {
      const bool kernel = all[i] == "-kernel" || all[i] == "-initrd" || all[i] == "-append";
      if (kernel) {
        ++i;
      } else {
        arguments.push_back(all[i]);
      }
    }
    for (auto& argument : InstanceArguments(instance, machine.topology)) {
      arguments.push_back(argument);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    MakeLabDisks(directory, machine.topology);
    std::filesystem::remove(socket_);
    StartQemu(arguments, directory);
  }
  ~BareMachine() { StopQemu(name_, socket_); }
  BareMachine(const BareMachine&) = delete;
  BareMachine& operator=(const BareMachine&) = delete;

  const std::filesystem::path& socket() const { return socket_; }

 private:
  std::filesystem::path socket_;
  std::string name_;
};

}  // namespace passthrough
