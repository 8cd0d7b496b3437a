// The program passthrough-suite as tests run it.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "helpers/process/child_process.h"

namespace passthrough {

std::filesystem::path SuiteProgram();
std::filesystem::path LabProgramOfTests();

// Runs it to its end, five minutes at most.
ChildResult RunSuite(std::vector<std::string> arguments);

// For a deployer's script: waits until the lease of `run` names it, from when on the run writes nothing until it ends.
std::string OnceItIsNoted(const std::filesystem::path& run);

// What a junit.xml says.
struct JunitReport {
  std::set<std::string> all;  // "NvidiaSmi.Answers/hpc_compute_01"
  std::set<std::string> failed;
  std::set<std::string> skipped;
  std::map<std::string, std::string> messages;  // of the failed ones
};

// Throws Error where it is missing or is not XML.
JunitReport ReadJunit(const std::filesystem::path& file);

}  // namespace passthrough
