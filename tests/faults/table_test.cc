// The table of faults against the suite's own list of checks; needs no lab.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "tests/faults/expectation.h"
#include "tests/faults/fault.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr char kWriteItAnew[] = "./run-tests.sh faults --write docs/faults.md writes it anew";

// One under which every check there is is part of the run: that of a real driver, of disks that may be overwritten.
std::string ProfileOf(FaultCluster cluster) {
  return cluster == FaultCluster::kDevices ? PASSTHROUGH_SOURCE_DIR "/tests/faults/device-profile.yaml" : "host";
}

std::set<std::string> ChecksWith(std::vector<std::string> options) {
  options.push_back("--gtest_list_tests");
  const ChildResult result = RunSuite(options);
  EXPECT_EQ(result.exit_status, 0) << result.output;
  return ReadTestList(result.output);
}

// The checks that are run on `fault`, without what its edits of the cluster file change.
const std::set<std::string>& ChecksOf(const Fault& fault) {
  static std::map<std::string, std::set<std::string>> known;
  std::vector<std::string> options{"--config", ConfigOf(fault.cluster).string()};
  if (fault.mode == FaultMode::kAttach) options.push_back("--attach");
  if (fault.mode == FaultMode::kReplay) options.insert(options.end(), {"--profile", ProfileOf(fault.cluster)});
  options.insert(options.end(), fault.suite_options.begin(), fault.suite_options.end());
  const std::string key = fmt::format("{} {}", static_cast<int>(fault.mode), fmt::join(options, " "));
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  std::set<std::string> checks = ChecksWith(options);
  if (fault.mode == FaultMode::kDeploy) checks.insert("Environment.NothingIsLeftBehind");
  return known[key] = checks;
}

std::string WithoutParameter(const std::string& check) { return check.substr(0, check.find('/')); }

// Not only fails, for want of evidence perhaps: what it says is compared.
TEST(FaultTableTest, EveryCheckIsTheTargetOfAFault) {
  std::set<std::string> targets;
  for (const Fault& fault : AllFaults()) {
    for (const Says& says : fault.says) targets.insert(WithoutParameter(says.check));
  }
  for (const FaultCluster cluster : {FaultCluster::kOneGpu, FaultCluster::kDevices}) {
    for (const std::string& check :
         ChecksWith({"--config", ConfigOf(cluster).string(), "--profile", ProfileOf(cluster), "--disruptive"})) {
      EXPECT_TRUE(targets.contains(WithoutParameter(check)))
          << check << ": no fault in tests/faults/ has it say something: add one, or it may be unable to fail";
    }
  }
}

TEST(FaultTableTest, EveryCheckThatTheTableNamesExists) {
  for (const Fault& fault : AllFaults()) {
    if (!fault.IsPlanted()) continue;
    std::set<std::string> names;  // an edited cluster file has other parameters
    for (const std::string& check : ChecksOf(fault)) names.insert(WithoutParameter(check));
    for (std::string pattern : fault.fails) {
      if (pattern.starts_with("-")) pattern.erase(0, 1);
      EXPECT_NO_THROW(ExpandChecks({WithoutParameter(pattern)}, names)) << fault.id << ": " << pattern;
    }
    for (const Says& says : fault.says) {
      EXPECT_NO_THROW(ExpandChecks({WithoutParameter(says.check)}, names)) << fault.id << ": " << says.check;
    }
  }
}

// docs/faults.md is written by a whole run of the harness, and says of each fault how it was planted: a fault that was
// added, renamed or planted otherwise since was not run as the page says.
TEST(FaultTableTest, ThePageHasEachFaultAsItIsPlanted) {
  std::vector<std::string> page;
  const std::string table = ReadFile(PASSTHROUGH_SOURCE_DIR "/docs/faults.md");
  for (const std::string_view line : SplitLines(table)) {
    if (line.starts_with("| N") || line.starts_with("| H")) page.emplace_back(line);
  }
  const std::vector<Fault> faults = AllFaults();
  ASSERT_EQ(page.size(), faults.size()) << kWriteItAnew;
  for (size_t i = 0; i < faults.size(); ++i) EXPECT_THAT(page[i], StartsWith(FaultCells(faults[i]))) << kWriteItAnew;
}

TEST(FaultTableTest, EveryEntryIsWhole) {
  std::set<std::string> ids;
  for (const Fault& fault : AllFaults()) {
    EXPECT_TRUE(ids.insert(fault.id).second) << fault.id << " is there twice";
    EXPECT_FALSE(fault.name.empty()) << fault.id;
    if (!fault.IsPlanted()) continue;
    EXPECT_FALSE(HowPlanted(fault).empty()) << fault.id << " is planted nowhere";
    EXPECT_THAT(fault.fails, testing::Not(IsEmpty())) << fault.id;
    EXPECT_THAT(fault.says, testing::Not(IsEmpty())) << fault.id << ": a check may fail for another reason";
  }
}

// --- the notation of expected checks ---

const std::set<std::string> kChecks = {"A.One/hpc_compute_01",
                                       "A.One/hpc_controller",
                                       "A.Two/hpc_compute_01",
                                       "B.One/hpc_compute_01_0000_01_00_0",
                                       "B.One/hpc_compute_01_0000_01_00_1",
                                       "Alone.Here"};

TEST(ExpectationTest, ANameWithoutParameterStandsForAll) {
  EXPECT_THAT(ExpandChecks({"A.One"}, kChecks), ElementsAre("A.One/hpc_compute_01", "A.One/hpc_controller"));
  EXPECT_THAT(ExpandChecks({"Alone.Here"}, kChecks), ElementsAre("Alone.Here"));
}

TEST(ExpectationTest, StarsPlaceholdersAndExceptions) {
  EXPECT_THAT(ExpandChecks({"*.One/@node"}, kChecks), ElementsAre("A.One/hpc_compute_01"));
  EXPECT_THAT(ExpandChecks({"B.*/@audio"}, kChecks), ElementsAre("B.One/hpc_compute_01_0000_01_00_1"));
  EXPECT_THAT(ExpandChecks({"*", "-A.*", "-B.One/@gpu"}, kChecks),
              ElementsAre("Alone.Here", "B.One/hpc_compute_01_0000_01_00_1"));
}

TEST(ExpectationTest, AGroupStandsForItsSuites) {
  EXPECT_THAT(ExpandChecks({"@smi/@node"}, {"NvidiaSmi.A/hpc_compute_01", "GpuHealth.A/hpc_compute_01",
                                            "NvidiaSmi.A/hpc_compute_02", "GpuDriver.A/hpc_compute_01"}),
              ElementsAre("GpuHealth.A/hpc_compute_01", "NvidiaSmi.A/hpc_compute_01"));
}

TEST(ExpectationTest, APatternThatFitsNothingIsAnError) {
  EXPECT_THROW(ExpandChecks({"A.Three"}, kChecks), Error);
  EXPECT_THROW(ExpandChecks({"*", "-C.*"}, kChecks), Error);
  EXPECT_THROW(ExpandChecks({"@smi"}, kChecks), Error);
}

TEST(ExpectationTest, ReadsTheListAndWritesItShort) {
  EXPECT_THAT(ReadTestList("A.\n  One/x  # GetParam() = a domain, 1 GPU\n  One/y\nB.\n  Two\n"),
              ElementsAre("A.One/x", "A.One/y", "B.Two"));
  EXPECT_EQ(InShort({}, kChecks), "none");
  EXPECT_EQ(InShort(kChecks, kChecks), "all 6 checks");
  EXPECT_EQ(InShort({"A.One/hpc_compute_01", "A.One/hpc_controller", "B.One/hpc_compute_01_0000_01_00_0"}, kChecks),
            "A.One, B.One/hpc_compute_01_0000_01_00_0");
  EXPECT_EQ(InShort({"A.One/hpc_compute_01", "A.One/hpc_controller", "A.Two/hpc_compute_01"}, kChecks), "A.*");
}

}  // namespace
}  // namespace passthrough
