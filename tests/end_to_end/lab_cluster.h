// A lab with the cluster of configs/test-pcie-passthrough-minimal.yaml deployed, and a snapshot of it from
// which each test starts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/config/profile.h"
#include "helpers/libvirt/connection.h"
#include "helpers/process/child_process.h"
#include "tests/suites/suite_program.h"

namespace passthrough {

// Owns a lab in a directory of its own; takes it down when destroyed.
class TestLab {
 public:
  explicit TestLab(std::filesystem::path config);
  ~TestLab();
  TestLab(const TestLab&) = delete;
  TestLab& operator=(const TestLab&) = delete;

  const std::filesystem::path& directory() const { return directory_.path(); }
  std::filesystem::path Path(const std::string& name) const { return scratch_.path() / name; }
  std::filesystem::path Latest() const { return Path("logs") / "latest"; }

  // Runs passthrough-lab VERB --lab-dir … ARGUMENTS.
  ChildResult Lab(const std::string& verb, const std::vector<std::string>& arguments = {});
  // The same; throws Error with its output where it fails.
  std::string MustLab(const std::string& verb, const std::vector<std::string>& arguments = {});
  // A command on a node, or with an empty `node` on the lab host; throws Error where it fails.
  std::string MustRunOn(const std::string& node, const std::vector<std::string>& command);
  // Runs the suite with the profile lab on this lab; kills it at the first line that has the words of `kill_at`, if
  // there are any.
  ChildResult Suite(const std::vector<std::string>& arguments, const std::string& kill_at = {});
  // The lab's libvirt.
  LibvirtConnection Libvirt();
  Profile LabProfile() const;
  const std::filesystem::path& config() const { return config_; }

 private:
  std::filesystem::path config_;
  TemporaryDirectory directory_{"lab"};
  TemporaryDirectory scratch_{"lab-test"};
};

}  // namespace passthrough
