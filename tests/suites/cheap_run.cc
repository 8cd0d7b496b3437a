#include "tests/suites/cheap_run.h"

#include <fmt/format.h>

#include "tests/libvirt/test_hypervisor.h"
#include "tests/suites/suite_program.h"

namespace passthrough {

CheapRun::CheapRun() {
  options.working_directory = directory_.path();
  options.environment = {{"XDG_STATE_HOME", Path("state").string()}};
  options.most_kept = 4u << 20;
}

void CheapRun::WriteProfile(const std::string& create, const std::string& key, std::string uri) {
  if (uri.empty()) {  // libvirt's test driver with the planned devices and nothing else
    WriteFile(Path("node.xml"), "<node>" + TestHypervisor::Computer() + TestHypervisor::PciDevice(0, 0x030000) +
                                    TestHypervisor::PciDevice(1, 0x040300) + "</node>");
    uri = "test://" + Path("node.xml").string();
  }
  WriteFile(Path("create.sh"), "#!/bin/sh\n" + create + "\n", 0755);
  WriteFile(Path("profile.yaml"),
            fmt::format("version: \"1.0\"\ndescription: of a test\nlibvirt:\n  uri: {}\n"
                        "deployer:\n  create: [{}]\n  destroy: [\"true\"]\nssh:\n  user: nobody\n{}"
                        "time_limits: {{create: 60, ssh: 1, collect: 1, destroy: 30}}\n",
                        uri, Path("create.sh").string(), key.empty() ? "" : fmt::format("  key: {}\n", key)));
}

ChildResult CheapRun::RunProgram(const std::vector<std::string>& more, const std::string& logs) {
  std::vector<std::string> arguments{
      SuiteProgram().string(),
      "--profile",
      Path("profile.yaml").string(),
      "--log-dir",
      Path(logs).string(),
      "--config",
      std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/test-pcie-passthrough-minimal.yaml"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
}

}  // namespace passthrough
