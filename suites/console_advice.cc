#include "suites/console_advice.h"

#include <fmt/format.h>

#include <filesystem>

#include "fixtures/session.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {

std::string ConsoleAdvice(const PlannedNode& node) {
  const auto& run = Session::Get().run();
  if (run && std::filesystem::exists(run->ConsoleLog(node.name))) {
    return fmt::format("What its console showed is in evidence/{}/console.log.", node.name);
  }
  return fmt::format("Its domain keeps no log of its console, which this shows from then on: {}",
                     VirshCommand(Session::Get().LibvirtUri(), {"console", node.domain_names.front()}));
}

}  // namespace passthrough
