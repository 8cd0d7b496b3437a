// configs/deployers/ai-how.sh on a stand-in for ai-how that has the real one's habits. Each trap of those is here: what
// it does to others where it is called as its users call it, and that it does not where the script calls it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/config/ai_how_rules.h"
#include "helpers/config/profile.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

const fs::path kSource = PASSTHROUGH_SOURCE_DIR;

class AiHowScriptTest : public testing::Test {
 protected:
  AiHowScriptTest() {
    for (const char* name : {"host/domains", "project", "bin"}) fs::create_directories(Path(name));
    fs::create_symlink(kSource / "tests/ai_how/ai-how", Path("bin/ai-how"));
    options_.working_directory = Path("project");
    options_.environment["PATH"] = Path("bin") + ":/usr/bin:/bin";
    options_.environment["AI_HOW_HOST"] = Path("host");
    options_.environment["AI_HOW_CALLS"] = Path("calls");
  }
  std::string Path(const std::string& name) const { return (directory_.path() / name).string(); }

  // A cluster file with the named clusters.
  std::string File(const std::string& hpc, const std::string& cloud = "") {
    std::string text = "version: \"1.0\"\nclusters:\n";
    if (!hpc.empty()) text += fmt::format("  hpc:\n    name: \"{}\"\n", hpc);
    if (!cloud.empty()) text += fmt::format("  cloud:\n    name: \"{}\"\n", cloud);
    const std::string path = Path(fmt::format("{}-{}.yaml", hpc, cloud));
    WriteFile(path, text);
    return path;
  }
  ChildResult Run(const std::vector<std::string>& argv) {
    return RunChild(argv, options_, Deadline::After(std::chrono::minutes(1)));
  }
  ChildResult Script(const std::string& verb, const std::string& run, const std::string& clusters,
                     const std::string& file) {
    return Run({(kSource / "configs/deployers/ai-how.sh").string(), verb, run, clusters, file});
  }
  ChildResult AiHow(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), Path("bin/ai-how"));
    return Run(arguments);
  }
  std::vector<std::string> Domains() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(Path("host/domains"))) names.push_back(entry.path().filename());
    return names;
  }
  void MakeDomain(const std::string& name) const { WriteFile(Path("host/domains/" + name), ""); }
  // What the stand-ins were called with, but for --help.
  std::vector<std::string> Calls() const {
    std::vector<std::string> calls;
    if (!fs::exists(Path("calls"))) return calls;
    const std::string text = ReadFile(Path("calls"));
    for (const std::string_view line : SplitLines(text)) {
      if (line.find("--help") == std::string_view::npos) calls.emplace_back(line);
    }
    return calls;
  }

  TemporaryDirectory directory_{"ai-how"};
  ChildOptions options_;
};

// --- the traps, and that they are none ---

TEST_F(AiHowScriptTest, TheUsersOtherClusterOutlivesARunInItsProject) {
  const std::string users = File("production");
  ASSERT_EQ(AiHow({"hpc", "start", users}).exit_status, 0);
  const std::string ours = File("sim");
  // As its users call it: another cluster's controller is taken for this one's, and goes with it.
  EXPECT_THAT(AiHow({"hpc", "start", ours}).output, HasSubstr("reusing: production-controller"));
  AiHow({"hpc", "destroy", ours, "--force"});
  EXPECT_THAT(Domains(), IsEmpty()) << "the stand-in has lost the trap";

  ASSERT_EQ(AiHow({"hpc", "start", users}).exit_status, 0);
  EXPECT_EQ(Script("create", "run-1", "hpc", ours).exit_status, 0);
  EXPECT_THAT(Domains(), UnorderedElementsAre("production-controller", "sim-controller"));
  EXPECT_EQ(Script("destroy", "run-1", "hpc", ours).exit_status, 0);
  EXPECT_THAT(Domains(), ElementsAre("production-controller"));
  EXPECT_TRUE(fs::exists(Path("project/output/state.json"))) << "the user's own state";
}

TEST_F(AiHowScriptTest, BothClustersGoByTheStateFilesThatSystemStartMade) {
  const std::string file = File("a-hpc", "a-cloud");
  for (const std::string run : {"run-1", "run-2"}) {  // the second start in a directory, too
    EXPECT_EQ(Script("create", run, "both", file).exit_status, 0);
    EXPECT_THAT(Domains(), UnorderedElementsAre("a-hpc-controller", "a-cloud-control-plane"));
    EXPECT_EQ(Script("destroy", run, "both", file).exit_status, 0);
    EXPECT_THAT(Domains(), IsEmpty());
    EXPECT_FALSE(fs::exists(Path("project/output/passthrough-suite"))) << "nothing of the run is left";
  }
  const std::string state = "--state output/passthrough-suite/run-1/";
  const std::vector<std::string> calls = Calls();
  ASSERT_EQ(calls.size(), 6u);
  EXPECT_EQ(calls[0], state + "state.json system start " + file);
  EXPECT_EQ(calls[1], state + "cloud-state.json cloud destroy " + file + " --force");
  EXPECT_EQ(calls[2], state + "hpc-state.json hpc destroy " + file + " --force");
}

TEST_F(AiHowScriptTest, WithoutAStateOfTheRunItsPrefixIsNotGivenToAiHow) {
  MakeDomain("sim-a-2-controller");
  const std::string file = File("sim-a");
  AiHow({"hpc", "destroy", file, "--force"});
  EXPECT_THAT(Domains(), IsEmpty()) << "the stand-in has lost the trap";

  MakeDomain("sim-a-2-controller");
  options_.environment["AI_HOW_STOPS"] = "early";
  EXPECT_EQ(Script("create", "run-1", "hpc", file).exit_status, 1);
  options_.environment.erase("AI_HOW_STOPS");
  const ChildResult destroyed = Script("destroy", "run-1", "hpc", file);
  EXPECT_EQ(destroyed.exit_status, 0);
  EXPECT_THAT(destroyed.output,
              testing::AllOf(HasSubstr("ai-how has recorded nothing that this run made, for there is no /"),
                             HasSubstr("not called: ai-how hpc")));
  EXPECT_THAT(Domains(), ElementsAre("sim-a-2-controller"));
}

TEST_F(AiHowScriptTest, AnInterruptedCreateIsForgottenByItsDestroy) {
  const std::string file = File("sim");
  MakeDomain("sim-2-controller");
  options_.environment["AI_HOW_STOPS"] = "1";
  EXPECT_NE(Script("create", "run-1", "hpc", file).exit_status, 0);
  options_.environment.erase("AI_HOW_STOPS");
  EXPECT_EQ(Script("destroy", "run-1", "hpc", file).exit_status, 0) << "its word for destroyed is no evidence";
  EXPECT_THAT(Domains(), UnorderedElementsAre("sim-controller", "sim-2-controller"));
}

// --- spelling and order ---

TEST_F(AiHowScriptTest, AFileOfOneKindIsStartedByTheCommandsOfThatKind) {
  const std::string file = File("", "only-cloud");
  EXPECT_EQ(Script("create", "r", "cloud", file).exit_status, 0);
  EXPECT_EQ(Script("destroy", "r", "cloud", file).exit_status, 0);
  const std::string state = "--state output/passthrough-suite/r/state.json ";
  EXPECT_THAT(Calls(), ElementsAre(state + "cloud start " + file, state + "cloud destroy " + file + " --force"));
}

TEST_F(AiHowScriptTest, TheOlderSpellingIsFoundByAsking) {
  options_.environment["AI_HOW_SPELLING"] = "old";
  const std::string file = File("h", "c");
  EXPECT_EQ(Script("create", "r", "both", file).exit_status, 0);
  EXPECT_THAT(Domains(), UnorderedElementsAre("h-controller", "c-control-plane"));
  EXPECT_EQ(Script("destroy", "r", "both", file).exit_status, 0);
  EXPECT_THAT(Domains(), IsEmpty());
  const std::string state = "--state output/passthrough-suite/r/state.json ";
  EXPECT_THAT(Calls(), ElementsAre(state + "create " + file, state + "destroy " + file + " --force"));
}

TEST_F(AiHowScriptTest, WhatHasNeitherSpellingIsNamedWithWhatItHas) {
  fs::remove(Path("bin/ai-how"));
  WriteFile(Path("bin/ai-how"), "#!/bin/sh\necho '  topology  Shows created things, such as hpc'\n", 0755);
  const ChildResult result = Script("create", "r", "hpc", File("h"));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("neither \"hpc\" nor \"create\""), HasSubstr("topology")));
}

// --- how it is called ---

TEST_F(AiHowScriptTest, ThroughUvWhereThereIsAProjectAndBareOtherwise) {
  fs::create_symlink(kSource / "tests/ai_how/uv", Path("bin/uv"));
  const std::string file = File("h");
  Script("create", "bare", "hpc", file);
  EXPECT_THAT(ReadFile(Path("calls")), Not(HasSubstr("uv run")));
  fs::remove(Path("calls"));
  WriteFile(Path("project/pyproject.toml"), "[project]\n");
  Script("create", "project", "hpc", file);
  EXPECT_THAT(Calls(), Contains("uv run ai-how"));
}

// ai-how's checkout has its project in python/ai_how, and no pyproject.toml at its root.
TEST_F(AiHowScriptTest, InAFreshCheckoutThroughTheProjectInIt) {
  WriteFile(Path("bin/uv"),
            "#!/bin/sh\necho \"uv $*\" >>\"$AI_HOW_CALLS\"\n[ \"$2\" = --project ] || exit 2\n"
            "shift 3\nexec \"$@\"\n",
            0755);
  fs::create_directories(Path("project/python/ai_how"));
  WriteFile(Path("project/python/ai_how/pyproject.toml"), "[project]\n");
  const std::string file = File("h");
  for (const std::string run : {"first", "second"}) {
    EXPECT_EQ(Script("create", run, "hpc", file).exit_status, 0);
    EXPECT_EQ(Script("destroy", run, "hpc", file).exit_status, 0);
  }
  EXPECT_THAT(Calls(), Contains(HasSubstr("uv run --project python/ai_how ai-how --state")));
  EXPECT_THAT(Domains(), IsEmpty());
}

// A pyproject.toml is not always ai-how's.
TEST_F(AiHowScriptTest, BareWhereTheProjectIsAnothers) {
  WriteFile(Path("bin/uv"), "#!/bin/sh\necho 'error: Failed to spawn: `ai-how`' >&2\nexit 2\n", 0755);
  WriteFile(Path("project/pyproject.toml"), "[project]\n");
  EXPECT_EQ(Script("create", "r", "hpc", File("h")).exit_status, 0);
  EXPECT_THAT(Domains(), ElementsAre("h-controller"));
}

TEST_F(AiHowScriptTest, WhereThereIsNoneItSaysWhereItLookedAndWhatElseWouldDo) {
  fs::remove(Path("bin/ai-how"));
  const ChildResult result = Script("create", "r", "hpc", File("h"));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("ai-how is not there"), HasSubstr("--profile host-own-deployer")));
}

TEST_F(AiHowScriptTest, WhatIsNotUnderstoodIsAnError) {
  EXPECT_EQ(Script("create", "r", "neither", File("h")).exit_status, 1);
  EXPECT_EQ(Script("make", "r", "hpc", File("h")).exit_status, 1);
  EXPECT_NE(Run({(kSource / "configs/deployers/ai-how.sh").string(), "create"}).exit_status, 0);
}

// --- the profile, and the stand-in itself ---

TEST_F(AiHowScriptTest, TheProfileGivesStartAndDestroyOneStateOfTheRun) {
  const Placeholders values{
      {"clusters", "both"}, {"config", "/c.yaml"}, {"lab", "l"}, {"lab_dir", "d"}, {"source", kSource.string()}};
  const Profile one = LoadProfile("host", values);
  const std::string run = one.placeholders.at("run");
  const std::string script = (kSource / "configs/deployers/ai-how.sh").string();
  EXPECT_THAT(one.deployer.create, ElementsAre(ElementsAre(script, "create", run, "both", "/c.yaml")));
  EXPECT_THAT(one.deployer.destroy, ElementsAre(ElementsAre(script, "destroy", run, "both", "/c.yaml")));
  EXPECT_TRUE(RunsAiHow(one.deployer.destroy)) << "its prefix is looked at before deploying";
  EXPECT_NE(LoadProfile("host", values).placeholders.at("run"), run);
}

TEST_F(AiHowScriptTest, TheStandInRefusesTheOldMapOfWorkers) {
  const std::string file = File("", "c");
  WriteFile(file, ReadFile(file) + "    worker_nodes:\n      cpu:\n        - cpu_cores: 1\n");
  EXPECT_EQ(AiHow({"validate", file}).exit_status, 1);
  for (const auto& entry : fs::directory_iterator(kSource / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    EXPECT_EQ(AiHow({"validate", entry.path().string()}).exit_status, 0) << entry.path();
  }
}

TEST_F(AiHowScriptTest, TheStandInHasNoCommandCreate) {
  const ChildResult result = AiHow({"create", File("h")});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("No such command 'create'"));
}

}  // namespace
}  // namespace passthrough
