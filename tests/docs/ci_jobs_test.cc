// The jobs of docs/ci/: commands that exist, and artefacts that a run really writes.
#include <fmt/format.h>
#include <glob.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "tests/docs/command_checks.h"
#include "tests/fixtures/schema.h"
#include "tests/suites/cheap_run.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kSource = PASSTHROUGH_SOURCE_DIR;

std::vector<std::string> GlobIn(const fs::path& directory, const std::string& pattern) {
  glob_t result = {};
  std::vector<std::string> found;
  if (glob((directory / pattern).c_str(), 0, nullptr, &result) == 0) {
    found.assign(result.gl_pathv, result.gl_pathv + result.gl_pathc);
  }
  globfree(&result);
  return found;
}

// One job: what it runs, what it publishes, whether also after a failure.
struct Job {
  std::string name;
  std::vector<std::string> script;
  std::vector<std::string> artifacts;
  std::vector<std::string> reports;
  std::vector<std::string> cache;
  bool always = true;
};

std::vector<std::string> Lines(const YAML::Node& node) {
  std::vector<std::string> lines;
  if (!node) return lines;
  if (node.IsSequence()) {
    for (const auto& item : node) lines.push_back(item.as<std::string>());
    return lines;
  }
  const auto text = node.as<std::string>();
  for (const std::string_view line : SplitLines(text)) {
    if (!Trim(line).empty()) lines.emplace_back(Trim(line));
  }
  return lines;
}

void Append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<Job> GithubJobs() {
  const YAML::Node file = YAML::LoadFile(kSource / "docs/ci/github-actions.yml");
  std::vector<Job> jobs;
  for (const auto& item : file["jobs"]) {
    Job job;
    job.name = item.first.as<std::string>();
    EXPECT_TRUE(item.second["timeout-minutes"]) << job.name;
    for (const auto& step : item.second["steps"]) {
      if (step["run"]) Append(job.script, Lines(step["run"]));
      const std::string uses = step["uses"] ? step["uses"].as<std::string>() : "";
      const bool publishes =
          uses.find("junit-report") != std::string::npos || uses.find("upload-artifact") != std::string::npos;
      if (publishes && (!step["if"] || step["if"].as<std::string>() != "always()")) job.always = false;
      const YAML::Node with = step["with"] ? step["with"] : YAML::Node(YAML::NodeType::Map);
      Append(job.reports, Lines(with["report_paths"]));
      if (uses.find("upload-artifact") != std::string::npos) Append(job.artifacts, Lines(with["path"]));
      if (uses.find("cache") != std::string::npos) Append(job.cache, Lines(with["path"]));
    }
    jobs.push_back(job);
  }
  return jobs;
}

std::vector<Job> GitlabJobs() {
  const YAML::Node file = YAML::LoadFile(kSource / "docs/ci/gitlab-ci.yml");
  std::vector<Job> jobs;
  for (const auto& item : file) {
    Job job;
    job.name = item.first.as<std::string>();
    const YAML::Node& body = item.second;
    if (!body.IsMap() || !body["script"]) continue;  // "stages", and jobs that others extend
    job.script = Lines(body["script"]);
    job.artifacts = Lines(body["artifacts"]["paths"]);
    job.reports = Lines(body["artifacts"]["reports"]["junit"]);
    job.always = body["artifacts"]["when"].as<std::string>() == "always";
    if (body["extends"]) job.cache = Lines(file[body["extends"].as<std::string>()]["cache"]["paths"]);
    jobs.push_back(job);
  }
  return jobs;
}

std::vector<Job> AllJobs() {
  std::vector<Job> jobs = GithubJobs();
  for (auto& job : GitlabJobs()) jobs.push_back(std::move(job));
  return jobs;
}

TEST(CiJobsTest, TheDocumentShowsTheFilesAsTheyAre) {
  const std::string document = ReadFile(kSource / "docs/ci.md");
  for (const char* file : {"github-actions.yml", "gitlab-ci.yml"}) {
    EXPECT_NE(document.find("```yaml\n" + ReadFile(kSource / "docs/ci" / file) + "```"), std::string::npos)
        << "docs/ci.md shows another docs/ci/" << file;
  }
}

TEST(CiJobsTest, EachJobRunsWhatThereIs) {
  const auto jobs = AllJobs();
  ASSERT_EQ(jobs.size(), 7u);
  for (const Job& job : jobs) {
    EXPECT_THAT(job.script, Contains(AnyOf(HasSubstr("./run-suite.sh"), HasSubstr("./run-tests.sh")))) << job.name;
    for (const std::string& line : job.script) {
      for (const DocumentedCommand& command : CommandsOf(line, "docs/ci: " + job.name)) {
        EXPECT_THAT(ProblemOf(command), IsEmpty());
        EXPECT_TRUE(fs::exists(kSource / command.words[0])) << command.words[0];
        for (const std::string& word : command.words) {
          EXPECT_TRUE(!word.ends_with(".yaml") || fs::exists(kSource / word)) << word;
        }
      }
    }
  }
}

TEST(CiJobsTest, EachJobPublishesItsReportAlsoWhenItFails) {
  for (const Job& job : AllJobs()) {
    EXPECT_TRUE(job.always) << job.name;
    EXPECT_THAT(job.reports, testing::Not(IsEmpty())) << job.name;
  }
}

// Runs as ./run-suite.sh and ./run-suite.sh --all make them, failed ones, in a directory of their own.
TEST(CiJobsTest, EachPathIsOneThatARunWrites) {
  CheapRun run;
  run.WriteProfile("exit 3");
  ASSERT_EQ(run.RunProgram({"--gtest_filter=Cluster.*"}).exit_status, 1);
  run.RunProgram({"--gtest_filter=Cluster.*"}, "logs/all/test-minimal");
  ASSERT_EQ(RunSuite({"--merge-junit", run.Path("logs/all").string()}).exit_status, 0);
  for (const Job& job : AllJobs()) {
    const std::string script = fmt::format("{}", fmt::join(job.script, "\n"));
    for (const std::string& path : job.reports) {
      if (script.find("--output-junit \"$PWD/" + path + "\"") != std::string::npos) continue;
      const auto files = GlobIn(run.directory(), path);
      EXPECT_EQ(files.size(), 1u) << job.name << ": " << path;
      for (const std::string& file : files) EXPECT_THAT(SchemaProblems(kJunitSchema, file), IsEmpty());
    }
    for (const std::string& path : job.artifacts) {
      EXPECT_THAT(GlobIn(run.directory(), path), testing::Not(IsEmpty())) << job.name << ": " << path;
    }
  }
  EXPECT_THAT(GlobIn(run.directory(), "logs/last/junit.xml"), IsEmpty());
}

// The block of shell in docs/ci.md that has `part`.
std::string BlockWith(const std::string& part) {
  for (const FencedBlock& block : ReadDocument(kSource / "docs/ci.md").blocks) {
    if (block.info == "sh" && block.text.find(part) != std::string::npos) return block.text;
  }
  throw Error("docs/ci.md has no such block: " + part);
}

// A project's directory with the built programs, and a run-suite.sh that does what a test says.
class CiDocumentTest : public testing::Test {
 protected:
  CiDocumentTest() {
    fs::create_directory_symlink(kSource / "configs", run_.Path("configs"));
    fs::create_directory_symlink(PASSTHROUGH_BINARY_DIR, run_.Path("build"));
  }
  ChildResult RunBlock(const std::string& block, const std::string& run_suite, const std::string& shell = "sh") {
    WriteFile(run_.Path("run-suite.sh"), "#!/bin/sh\n" + run_suite + "\n", 0755);
    WriteFile(run_.Path("block.sh"), block);
    return RunChild({shell, "-e", "block.sh"}, run_.options, Deadline::After(std::chrono::minutes(5)));
  }

  CheapRun run_;
};

TEST_F(CiDocumentTest, TheLoopRunsEachClusterFileAndItsReportsAreMerged) {
  run_.WriteProfile("exit 3");
  const std::string suite = "build/bin/passthrough-suite --profile profile.yaml '--gtest_filter=Cluster.*' \"$@\"";
  // As somebody types it, who goes on after a failed run: none of these passes.
  const ChildResult result = RunBlock("set +e\n" + BlockWith("--merge-junit"), suite);
  ASSERT_EQ(result.exit_status, 0) << result.output;
  const fs::path report = run_.Path("logs/each/junit.xml");
  EXPECT_THAT(SchemaProblems(kJunitSchema, report), IsEmpty());
  const std::string merged = ReadFile(report);
  size_t files = 0;
  for (const std::string& config : GlobIn(kSource, "configs/test-*.yaml")) {
    EXPECT_THAT(merged, HasSubstr("\"" + fs::path(config).stem().string() + ".Cluster\""));
    ++files;
  }
  EXPECT_GE(files, 4u);

  ASSERT_EQ(RunBlock("build/bin/passthrough-suite --merge-junit logs/each --expect test-minimal\n", "").exit_status, 0);
  EXPECT_THAT(ReadFile(report), testing::AllOf(HasSubstr("\"test-minimal.Cluster\""),
                                               testing::Not(HasSubstr("\"test-full-stack.Cluster\""))));
  EXPECT_NE(RunBlock("build/bin/passthrough-suite --merge-junit logs/each --expect test-gone\n", "").exit_status, 0);
  EXPECT_THAT(ReadFile(report), HasSubstr("\"test-gone.Run\""));
}

TEST_F(CiDocumentTest, AStepPassesWhereNothingWasJudgedAndFailsWithEveryOtherFailure) {
  const std::string step = BlockWith("::warning::");
  for (const std::string shell : {"sh", "bash"}) {
    const ChildResult nothing = RunBlock(step, "exit 77", shell);
    EXPECT_EQ(nothing.exit_status, 0);
    EXPECT_THAT(nothing.output, testing::StartsWith("::warning::"));
    EXPECT_EQ(RunBlock(step, "exit 1", shell).exit_status, 1);
    const ChildResult passed = RunBlock(step, "exit 0", shell);
    EXPECT_EQ(passed.exit_status, 0);
    EXPECT_EQ(passed.output, "");
  }
}

TEST(CiJobsTest, TheJobOnGpusWarnsWhereNothingWasJudged) {
  const YAML::Node gitlab = YAML::LoadFile(kSource / "docs/ci/gitlab-ci.yml");
  EXPECT_EQ(gitlab["gpus"]["allow_failure"]["exit_codes"].as<int>(), 77);
  EXPECT_THAT(RunSuite({"--help"}).output, HasSubstr(" 77: nothing failed,"));
}

TEST(CiJobsTest, TheCacheIsWhereTheLabKeepsItsImages) {
  for (const Job& job : GithubJobs()) {
    if (job.name == "gpus") continue;
    EXPECT_THAT(job.cache, testing::ElementsAre("~/.cache/pcie-passthrough-suite")) << job.name;
  }
  const YAML::Node gitlab = YAML::LoadFile(kSource / "docs/ci/gitlab-ci.yml");
  EXPECT_EQ(gitlab[".in-debian"]["variables"]["XDG_CACHE_HOME"].as<std::string>(), "$CI_PROJECT_DIR/.cache");
  for (const Job& job : GitlabJobs()) {
    if (job.name == "gpus") continue;
    EXPECT_THAT(job.cache, testing::ElementsAre(".cache/pcie-passthrough-suite")) << job.name;
  }
  setenv("XDG_CACHE_HOME", "/project/.cache", 1);
  EXPECT_EQ(UserCacheDirectory(), "/project/.cache/pcie-passthrough-suite");
  for (const auto& path : gitlab[".in-debian"]["cache"]["key"]["files"]) {
    EXPECT_TRUE(fs::exists(kSource / path.as<std::string>())) << path;
  }
}

}  // namespace
}  // namespace passthrough
