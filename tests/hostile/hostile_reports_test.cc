// The whole way: evidence collected over SSH from a node that is well, one that lies and one that floods, checked by
// the program, and every report that it writes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "helpers/base/process_identity.h"
#include "helpers/base/text.h"
#include "helpers/config/plan.h"
#include "tests/network/collecting.h"
#include "tests/suites/suite_program.h"
#include "tests/workload/recorded_run.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const fs::path kConfig = fs::path(PASSTHROUGH_SOURCE_DIR) / "configs/test-full-stack.yaml";
constexpr char kWell[] = "hpc_compute_01";

// Steers terminals, breaks XML, is no UTF-8, reorders what is read (U+202E), and looks like the suite's own words.
const std::string kEvil =
    "\x1b[2J\x1b]0;owned\x07\r\xc2\x9b"
    "5n ]]></failure></testcase><x a=\"&bad;\">\xff\xc0\xaf \xe2\x80\xae "
    "../../../etc/passwd 2 nodes, 2 GPUs, 40 checks, all passed";

class HostileReports : public testing::Test {
 protected:
  void SetUp() override {
    const Plan plan = MakePlan(LoadClusterFile(kConfig));
    for (const PlannedNode& node : plan.nodes) {
      if (node.name != kWell && node.GpuCount() > 0) liar_ = node.name;
      if (node.name != kWell && node.GpuCount() == 0) flooder_ = node.name;
    }
    ASSERT_FALSE(liar_.empty() || flooder_.empty());
    run_ = collecting_.directory();
    WriteRunWithoutEvidence(run_, kConfig);
    for (const auto& [probe, text] : Healthy()) AddProbeThatPrints(probe, text);
    CollectAll();
  }

  static std::map<std::string, std::string> Healthy() {
    return {{"pci", HealthyPci()},
            {"workload", HealthyWorkload()},
            {"kernel_log", "[    0.000000] Linux version 6\n"},
            {"modules", "module: nvidia\nend: modules\n"}};
  }
  void AddProbeThatPrints(const std::string& probe, const std::string& text) {
    WriteFile(run_ / (probe + ".says"), text);
    collecting_.AddProbe(probe, "cat '" + (run_ / (probe + ".says")).string() + "'");
  }

  // What the liar says in the place of each probe, in frames as they should be.
  std::string Lies() {
    std::string script = "printf '@begin %s 1\\n' $nonce\n";
    const std::map<std::string, std::string> lies = {
        {"pci", "function: 0000:01:00.0\nvendor: " + kEvil + "\nend: pci\n"},
        {"workload", "program: workload 1\nlibrary_error: " + kEvil + std::string(1u << 20, 'z') + "\nend: workload\n"},
        {"modules", kEvil + "\n" + kEvil + "\n"},
        {"kernel_log", KernelLogOfXids()}};
    for (const std::string& probe : collecting_.options().probes) {
      const fs::path file = run_ / (probe + ".lie");
      WriteFile(file, lies.at(probe));
      script += fmt::format("printf '@frame %s {} exit 0 0 {} 0 0 0\\n' $nonce; cat '{}'; echo\n", probe,
                            lies.at(probe).size(), file.string());
    }
    return script + fmt::format("printf '@end %s {}\\n' $nonce", lies.size());
  }
  static std::string KernelLogOfXids() {
    std::string log = "[    0.000000] Linux version 6\n";
    for (int i = 0; i < 10'000; ++i) {
      log +=
          fmt::format("[    1.000000] NVRM: Xid (PCI:0000:{:02x}:{:02x}): {}, {}\n", i % 256, i / 256, i % 200, kEvil);
    }
    return log;
  }

  void CollectAll() {
    const OpensshServer well;
    const OpensshServer liar(NodeThatRuns(run_ / "lies.sh", Lies()));
    const OpensshServer flooder(NodeThatRuns(run_ / "floods.sh", "printf '" + Octal(kEvil) + "\\n'; exec yes"));
    collecting_.options().collect_limit = seconds(100);
    auto outcomes = collecting_.Run({{kWell, well.account()}, {liar_, liar.account()}, {flooder_, flooder.account()}});
    ASSERT_EQ(outcomes[kWell].error, "");
    ASSERT_EQ(outcomes[liar_].error, "");
    ASSERT_THAT(outcomes[flooder_].error, HasSubstr("64 KiB of something else"));
    for (const auto& [probe, text] : Healthy()) {
      EXPECT_EQ(collecting_.Load(kWell).Require(probe).text, text);
    }
  }
  static std::string Octal(const std::string& text) {
    std::string octal;
    for (const unsigned char c : text) octal += fmt::format("\\{:03o}", c);
    return octal;
  }

  // Safe to show and to parse, and no longer than somebody may read.
  static void ExpectClean(const std::string& report) {
    EXPECT_TRUE(Printable(report) == report) << Printable(report).substr(0, 3000);
    EXPECT_LT(report.size(), 4u << 20);
  }
  void ExpectOnlyTheHostileOnesBlamed(const JunitReport& report) {
    EXPECT_THAT(report.skipped, IsEmpty());
    for (const char* check : {"Workload.CudaInitialises/", "Workload.CudaHasExactlyThePlannedGpus/",
                              "PciVisibility.EachPlannedIdIsThereExactlyAsOftenAsPlanned/"}) {
      EXPECT_THAT(report.all, Contains(std::string(check) + kWell));
      EXPECT_THAT(report.failed, Not(Contains(std::string(check) + kWell)));
      EXPECT_THAT(report.failed, Contains(check + liar_));
    }
    for (const auto& [check, message] : report.messages) {
      if (check.find(kWell) == std::string::npos) continue;
      EXPECT_THAT(message, Not(AnyOf(HasSubstr("owned"), HasSubstr("passwd")))) << check;
    }
  }

  Collecting collecting_;
  fs::path run_;
  std::string liar_;
  std::string flooder_;
};

TEST_F(HostileReports, TerminalAndGoogleTestsOwnReport) {
  const fs::path xml = run_ / "gtest.xml";
  for (const bool verbose : {false, true}) {
    std::vector<std::string> arguments = {"--replay", run_.string(), "--gtest_output=xml:" + xml.string()};
    if (verbose) arguments.push_back("--verbose");
    const ChildResult result = RunSuite(arguments);
    EXPECT_EQ(result.exit_status, 1);
    ExpectClean(result.output);
    EXPECT_THAT(result.output, AllOf(HasSubstr("failed:"), HasSubstr(liar_), HasSubstr("\\x1b]0;owned")));
    for (const std::string_view line : SplitLines(result.output)) {
      EXPECT_FALSE(line.starts_with("2 nodes, 2 GPUs")) << "a node's words stand as the suite's own";
    }
    ExpectClean(ReadFile(xml));
    ExpectOnlyTheHostileOnesBlamed(ReadJunit(xml));
    const ChildResult lint = RunChild({"xmllint", "--noout", xml.string()}, {}, Deadline::After(seconds(60)));
    EXPECT_EQ(lint.exit_status, 0) << lint.output;
  }
}

// As ctest runs them: each checked by a process that adds to the node's log.
TEST_F(HostileReports, LogsOfTheNodes) {
  const fs::path link = run_ / "link";
  const ProcessIdentity self = IdentityOf(getpid());
  WriteFile(link, fmt::format("{}\n{} {}\n", run_.string(), self.pid, self.start_time));
  ExpectClean(RunSuite({"--check", link.string()}).output);
  size_t logs = 0;
  for (const auto& entry : fs::directory_iterator(run_)) {
    if (!entry.path().filename().string().starts_with("test-results-")) continue;
    ++logs;
    const std::string log = ReadFile(entry.path());
    ExpectClean(log);
    for (const std::string_view line : SplitLines(log)) {
      EXPECT_TRUE(line.starts_with("PASS ") || line.starts_with("FAIL ") || line.starts_with("     ") ||
                  line.starts_with("NOTE"))
          << line;
    }
  }
  EXPECT_EQ(logs, 5u) << "one a planned node";
}

}  // namespace
}  // namespace passthrough
