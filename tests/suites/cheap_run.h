// Whole runs of the program that take a second: libvirt's test driver, and a deployer that does what a test
// says.
#pragma once

#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/process/child_process.h"

namespace passthrough {

class CheapRun {
 public:
  CheapRun();
  std::filesystem::path Path(const std::string& name) const { return directory_.path() / name; }
  std::filesystem::path Latest() const { return Path("logs") / "latest"; }
  const std::filesystem::path& directory() const { return directory_.path(); }

  // `create`: a script. `key`: a private key file, may be empty.
  void WriteProfile(const std::string& create, const std::string& key = "", std::string uri = "");
  // Runs the suite in this directory, with its reports below `logs`.
  ChildResult RunProgram(const std::vector<std::string>& more = {}, const std::string& logs = "logs");

  ChildOptions options;  // for RunProgram

 private:
  TemporaryDirectory directory_{"cheap-run"};
};

}  // namespace passthrough
