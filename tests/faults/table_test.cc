// The table of faults against the suite's own list of checks; needs no lab.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "tests/faults/expectation.h"
#include "tests/faults/fault.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

std::string ConfigOf(FaultCluster cluster) {
  const std::string source = PASSTHROUGH_SOURCE_DIR;
  return source + (cluster == FaultCluster::kOneGpu ? "/configs/test-pcie-passthrough-minimal.yaml"
                                                    : "/tests/faults/two-gpu-nodes.yaml");
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
  std::vector<std::string> options{"--config", ConfigOf(fault.cluster)};
  if (fault.mode == FaultMode::kAttach) options.push_back("--attach");
  options.insert(options.end(), fault.suite_options.begin(), fault.suite_options.end());
  const std::string key = fmt::format("{} {}", static_cast<int>(fault.mode), fmt::join(options, " "));
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  std::set<std::string> checks = ChecksWith(options);
  if (fault.mode == FaultMode::kDeploy) checks.insert("Environment.NothingIsLeftBehind");
  return known[key] = checks;
}

bool StandsForEverything(const Fault& fault) {
  return std::count(fault.fails.begin(), fault.fails.end(), "*") > 0;
}

std::string WithoutParameter(const std::string& check) { return check.substr(0, check.find('/')); }

TEST(FaultTableTest, EveryCheckIsTheTargetOfAFault) {
  std::set<std::string> targets;
  for (const Fault& fault : AllFaults()) {
    // A fault that no check can be run on says nothing of any one of them.
    if (!fault.IsPlanted() || !fault.cluster_file.empty() || StandsForEverything(fault)) continue;
    for (const std::string& check : ExpandChecks(fault.fails, ChecksOf(fault))) {
      targets.insert(WithoutParameter(check));
    }
  }
  for (const Fault& fault : AllFaults()) {
    for (const std::string& pattern : fault.fails) {
      if (!StandsForEverything(fault) && pattern.find('*') == std::string::npos) {
        targets.insert(WithoutParameter(pattern));
      }
    }
  }
  for (const std::string& check : ChecksWith({"--config", ConfigOf(FaultCluster::kOneGpu)})) {
    EXPECT_THAT(targets, Contains(WithoutParameter(check)))
        << "no fault in tests/faults/ makes it fail: add one, or the check may be unable to";
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

TEST(FaultTableTest, AsManyAsWerePromised) {
  size_t planted = 0;
  size_t in_lab = 0;
  for (const Fault& fault : AllFaults()) {
    planted += fault.IsPlanted() ? 1 : 0;
    in_lab += fault.IsPlanted() && fault.mode != FaultMode::kReplay ? 1 : 0;
  }
  EXPECT_GE(planted, 40u);
  EXPECT_GE(in_lab, 30u);
}

// --- the notation of expected checks ---

const std::set<std::string> kChecks = {"A.One/hpc_compute_01", "A.One/hpc_controller", "A.Two/hpc_compute_01",
                                       "B.One/hpc_compute_01_0000_01_00_0",
                                       "B.One/hpc_compute_01_0000_01_00_1", "Alone.Here"};

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

TEST(ExpectationTest, APatternThatFitsNothingIsAnError) {
  EXPECT_THROW(ExpandChecks({"A.Three"}, kChecks), Error);
  EXPECT_THROW(ExpandChecks({"*", "-C.*"}, kChecks), Error);
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
