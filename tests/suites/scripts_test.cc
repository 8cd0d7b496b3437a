// cmake/setup.sh and run-suite.sh as a user runs them, with programs of ours in place of those that would install,
// build or deploy.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "helpers/base/files.h"
#include "tests/fixtures/schema.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const fs::path kSource = PASSTHROUGH_SOURCE_DIR;

class ScriptsTest : public testing::Test {
 protected:
  ScriptsTest() {
    for (const char* name : {"bin", "tmp", "configs", "cmake", "build/bin"}) fs::create_directories(Path(name));
    options_.working_directory = directory_.path();
    options_.environment["PATH"] = Path("bin").string() + ":" + std::getenv("PATH");
    options_.environment["TMPDIR"] = Path("tmp").string();
  }
  fs::path Path(const std::string& name) const { return directory_.path() / name; }
  void Script(const std::string& name, const std::string& text) {
    WriteFile(Path(name), "#!/bin/sh\n" + text + "\n", 0755);
  }
  ChildResult Run(const std::vector<std::string>& argv) {
    return RunChild(argv, options_, Deadline::After(std::chrono::minutes(2)));
  }

  TemporaryDirectory directory_{"scripts"};
  ChildOptions options_;
};

// --- cmake/setup.sh ---

class RequirePackagesTest : public ScriptsTest {
 protected:
  RequirePackagesTest() {
    Script("bin/id", "echo 1000");
    Script("bin/dpkg-query", "exit 1");
    Script("bin/sudo", R"([ "$1" = -n ] || exec "$@")");
    Script("require.sh", R"(set -eu
source_dir=.
. )" + (kSource / "cmake/setup.sh").string() +
                             R"(
require_packages one two
echo went on)");
  }
};

TEST_F(RequirePackagesTest, GoesOnAfterAnInstallationBySudo) {
  Script("bin/apt-get", R"(echo "$@" >>")" + Path("calls").string() + "\"; echo installing");
  // The log is the caller's own: it is there before sudo is asked.
  Script("bin/sudo", R"([ "$1" != -n ] || exit 0
ls "$TMPDIR" >")" + Path("before").string() +
                         R"("
"$@" || exit
ls "$TMPDIR" >")" + Path("after").string() +
                         "\"");
  const ChildResult result = Run({"sh", Path("require.sh").string()});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("went on"));
  EXPECT_EQ(ReadFile(Path("calls")),
            "update -q\ninstall -s -y --no-install-recommends --no-remove one two\n"
            "install -q -y --no-install-recommends --no-remove one two\n");
  EXPECT_EQ(ReadFile(Path("before")), ReadFile(Path("after"))) << "root made a file that the user cannot remove";
  EXPECT_THAT(ReadFile(Path("before")), Not(IsEmpty()));
  EXPECT_TRUE(fs::is_empty(Path("tmp")));
}

TEST_F(RequirePackagesTest, SaysAllThatWillBeInstalledBeforeItIs) {
  Script("bin/apt-get", R"(case "$2" in
-s) printf 'Reading package lists...\nInst libone (1.0 Debian:12)\nInst one (2.0 Debian:12)\nConf one (2.0)\n' ;;
-q) [ "$1" = update ] || { echo E: Packages need to be removed but remove is disabled. >&2; exit 100; } ;;
esac)");
  const ChildResult result = Run({"sh", Path("require.sh").string()});
  EXPECT_EQ(result.exit_status, 1);
  const size_t announced = result.output.find("Installing, and removing nothing: libone one");
  EXPECT_NE(announced, std::string::npos) << result.output;
  EXPECT_LT(announced, result.output.find("Packages need to be removed")) << result.output;
}

TEST_F(RequirePackagesTest, SaysWhyAnInstallationFailed) {
  Script("bin/apt-get", "echo E: no such mirror >&2; exit 100");
  const ChildResult result = Run({"sh", Path("require.sh").string()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, testing::AllOf(HasSubstr("E: no such mirror"),
                                            HasSubstr("sudo apt-get install --no-install-recommends one two"),
                                            Not(HasSubstr("went on"))));
  EXPECT_TRUE(fs::is_empty(Path("tmp")));
}

// A system whose apt and dpkg know what `known` and `installed` name, patterns of case(1).
class BoostTest : public ScriptsTest {
 protected:
  BoostTest() {
    Script("bin/id", "echo 0");
    Script("bin/apt-get", R"(echo "$@" >>")" + Path("calls").string() + "\"");
    Script("require.sh", R"(set -eu
source_dir=.
os_release=os-release
. )" + (kSource / "cmake/setup.sh").string() +
                             R"(
require_packages libboost1.81-dev)");
  }
  std::string CallsWhere(const std::string& known, const std::string& installed, const std::string& version) {
    // "show" knows each name that a dependency has, too; "madison" what can be installed.
    Script("bin/apt-cache", "case $1:$2 in madison:*) ;; *) exit 0 ;; esac\ncase $2 in " + known +
                                ") echo \"$2 | 1 | http://deb.debian.org/debian x/main amd64 Packages\" ;; esac");
    Script("bin/dpkg-query", "case $4 in " + installed + ") ;; *) exit 1 ;; esac\n" + "case $3 in *Version*) echo " +
                                 version + " ;; *) echo installed ;; esac");
    WriteFile(Path("calls"), "");
    const ChildResult result = Run({"sh", Path("require.sh").string()});
    EXPECT_EQ(result.exit_status, 0) << result.output;
    return ReadFile(Path("calls"));
  }
  static std::string Installs(const std::string& package) {
    return "update -q\ninstall -s -y --no-install-recommends --no-remove " + package +
           "\ninstall -q -y --no-install-recommends --no-remove " + package + "\n";
  }
};

TEST_F(BoostTest, IsTheOneThatAptHas) {
  EXPECT_EQ(CallsWhere("libboost1.81-dev | libboost-dev", "none", ""), Installs("libboost1.81-dev"));
  EXPECT_EQ(CallsWhere("libboost-dev", "none", ""), Installs("libboost-dev"));
}

// Then the name of the release decides.
TEST_F(BoostTest, WhereAptHasNoLists) {
  WriteFile(Path("os-release"), "ID=debian\nVERSION_CODENAME=bookworm\n");
  EXPECT_EQ(CallsWhere("none", "none", ""), Installs("libboost1.81-dev"));
  WriteFile(Path("os-release"), "ID=debian\nVERSION_CODENAME=trixie\n");
  EXPECT_EQ(CallsWhere("none", "none", ""), Installs("libboost-dev"));
}

TEST_F(BoostTest, IsNotInstalledWhereOneIsThatIsNewEnough) {
  EXPECT_EQ(CallsWhere("libboost-dev", "libboost-dev", "1.83.0.1ubuntu2"), "");
  EXPECT_EQ(CallsWhere("libboost1.81-dev | libboost-dev", "libboost-dev", "1.74.0.3"), Installs("libboost1.81-dev"));
  EXPECT_EQ(CallsWhere("libboost1.81-dev", "libboost1.81-dev", "1.81.0-5"), "");
}

// --- run-suite.sh --all ---

class RunAllTest : public ScriptsTest {
 protected:
  RunAllTest() {
    for (const char* script : {"run-suite.sh", "cmake/setup.sh"}) fs::copy_file(kSource / script, Path(script));
    Script("bin/dpkg-query", "echo installed");
    Script("bin/cmake", ":");
    WriteFile(Path("build/build.ninja"), "");
    for (const char* name : {"a", "b", "c"}) WriteFile(Path(std::string("configs/test-") + name + ".yaml"), "");
    // "a" passes, "b" fails before it makes a run directory, "c" is killed before it writes its report.
    Script("build/bin/passthrough-suite", R"(case " $* " in
*" --merge-junit "*) exec )" + SuiteProgram().string() +
                                              R"( "$@" ;;
*test-b.yaml*) exit 1 ;;
esac
[ ! -e logs/all/junit.xml ] || touch report-of-before
while [ "$1" != --log-dir ]; do shift; done
mkdir -p "$2/run-1"
ln -sfn run-1 "$2/latest"
case $2 in *test-c) kill -9 $$ ;; esac
cp green.xml "$2/run-1/junit.xml")");
    WriteFile(Path("green.xml"), R"(<testsuites tests="1" failures="0" errors="0" time="2">
      <testsuite name="Node" tests="1" failures="0" errors="0" time="2"><testcase name="x" classname="Node" time="2"/>
      </testsuite></testsuites>)");
  }
  // A suite that is signalled while it runs the first file ends in order.
  void SlowSuite() {
    Script("build/bin/passthrough-suite", R"(case " $* " in *" --merge-junit "*) echo merged; exit 1 ;; esac
trap 'echo ended in order; exit 1' TERM
echo "$*" >>calls
while :; do sleep 0.1; done)");
  }
  static constexpr char kWorksUntilItIsEnded[] =
      "trap 'touch ended; exit 1' TERM\ntouch working\nwhile :; do sleep 0.1; done";
  // The script is over before anybody else could end what it left.
  ChildResult RunAndLookWhatWasEnded() {
    return Run({"sh", "-c", Path("run-suite.sh").string() + R"(
status=$?
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ ! -e ended ] || break; sleep 0.5; done
[ ! -e ended ] || echo was ended
exit $status)"});
  }
  ChildResult RunAll() { return Run({Path("run-suite.sh").string(), "--all", "--profile", "x"}); }
};

TEST_F(RunAllTest, WhatEndedWithoutAReportIsAFailureInTheMergedOne) {
  for (const char* name : {"test-b", "test-gone"}) {
    fs::create_directories(Path(std::string("logs/all/") + name + "/run-0"));
    fs::copy_file(Path("green.xml"), Path(std::string("logs/all/") + name + "/run-0/junit.xml"));
    fs::create_directory_symlink("run-0", Path(std::string("logs/all/") + name + "/latest"));
  }
  fs::copy_file(Path("green.xml"), Path("logs/all/junit.xml"));
  const ChildResult result = RunAll();
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_FALSE(fs::exists(Path("report-of-before"))) << "a crash would leave it as this run's";
  EXPECT_THAT(SchemaProblems(kJunitSchema, Path("logs/all/junit.xml")), IsEmpty());
  const std::string merged = ReadFile(Path("logs/all/junit.xml"));
  EXPECT_THAT(merged, HasSubstr(R"(tests="3" failures="2")"));
  EXPECT_THAT(merged, Not(HasSubstr("test-gone")));
  for (const char* suite : {"test-a.Node", "test-b.Run", "test-c.Run"}) EXPECT_THAT(merged, HasSubstr(suite));
}

TEST_F(RunAllTest, IsGreenWhereAllAre) {
  for (const char* name : {"b", "c"}) fs::remove(Path(std::string("configs/test-") + name + ".yaml"));
  const ChildResult result = RunAll();
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(ReadFile(Path("logs/all/junit.xml")), HasSubstr(R"(tests="1" failures="0")"));
}

// The user's options come last and the last one wins: one file four times under four names is no run of all.
TEST_F(RunAllTest, RefusesWhatWouldMakeItSomethingElse) {
  Script("build/bin/passthrough-suite", "echo \"$*\" >>calls");
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--config", "x.yaml"},
                                               {"--log-dir=elsewhere"},
                                               {"--reap"},
                                               {"--replay", "logs/latest"},
                                               {"--report", "logs/latest"},
                                               {"--compare", "a", "b"},
                                               {"--doctor"},
                                               {"--gtest_list_tests"}}) {
    std::vector<std::string> argv{Path("run-suite.sh").string(), "--all"};
    argv.insert(argv.end(), more.begin(), more.end());
    const ChildResult result = Run(argv);
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.output, HasSubstr("not with --all: " + more[0].substr(0, more[0].find('='))));
  }
  EXPECT_FALSE(fs::exists(Path("calls")));
}

TEST_F(RunAllTest, IsHelpedOnce) {
  Script("build/bin/passthrough-suite", "echo \"$*\" >>calls");
  EXPECT_EQ(Run({Path("run-suite.sh").string(), "--all", "--help"}).exit_status, 0);
  EXPECT_EQ(ReadFile(Path("calls")), "--help\n");
}

TEST_F(RunAllTest, HelpInstallsAndBuildsNothing) {
  Script("bin/dpkg-query", "echo \"dpkg-query $*\" >>calls; exit 1");
  Script("bin/cmake", "echo \"cmake $*\" >>calls");
  Script("build/bin/passthrough-suite", "echo \"suite $*\" >>calls");
  EXPECT_EQ(Run({Path("run-suite.sh").string(), "--help"}).exit_status, 0);
  EXPECT_EQ(ReadFile(Path("calls")), "suite --help\n");
  fs::remove(Path("calls"));
  fs::remove(Path("build/bin/passthrough-suite"));
  for (const char* option : {"--help", "-h", "--version"}) {
    const ChildResult result = Run({Path("run-suite.sh").string(), option});
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_THAT(result.output, testing::AllOf(HasSubstr("Usage: run-suite.sh"), HasSubstr("not built yet")));
  }
  EXPECT_FALSE(fs::exists(Path("calls")));
}

TEST_F(RunAllTest, TakesItsOptionsInAnyOrderAndAsTheyAre) {
  fs::remove(Path("configs/test-b.yaml"));
  fs::remove(Path("configs/test-c.yaml"));
  Script("build/bin/passthrough-suite", "printf '%s|' \"$@\" >>calls; echo >>calls");
  EXPECT_EQ(Run({Path("run-suite.sh").string(), "--profile", "x y", "--all", "--ssh-user", "*"}).exit_status, 0);
  EXPECT_THAT(ReadFile(Path("calls")), HasSubstr("--log-dir|logs/all/test-a|--profile|x y|--ssh-user|*|\n"));
}

// The lab's images take minutes to build.
TEST_F(RunAllTest, BuildsTheImagesOnlyWhereALabMayBeStarted) {
  Script("build/bin/passthrough-suite", ":");
  fs::create_directories(Path("lab/images"));
  Script("lab/images/build.sh", "[ \"$1\" = --check ] || echo built >>images");
  const auto builds = [&](std::vector<std::string> arguments) {
    fs::remove(Path("images"));
    arguments.insert(arguments.begin(), Path("run-suite.sh").string());
    EXPECT_EQ(Run(arguments).exit_status, 0);
    return fs::exists(Path("images"));
  };
  EXPECT_TRUE(builds({}));
  EXPECT_TRUE(builds({"--profile", "host", "--profile=lab"})) << "the last one counts";
  EXPECT_TRUE(builds({"--all", "--profile", "lab"}));
  EXPECT_FALSE(builds({"--profile", "host"}));
  EXPECT_FALSE(builds({"--profile=lab", "--profile=host"}));
  for (const char* option : {"--help", "-h", "--version", "--reap", "--replay=x", "--destroy=x", "--merge-junit=x",
                             "--doctor", "--manual", "--completion=bash", "--gtest_list_tests"}) {
    EXPECT_FALSE(builds({option, "--profile", "lab"})) << option;
  }
}

// What an image needs is known before the compiler has worked for minutes.
TEST_F(RunAllTest, CompilesNothingWhereTheImagesCannotBeBuilt) {
  fs::create_directories(Path("lab/images"));
  Script("lab/images/build.sh", "echo 'build.sh: newuidmap not found' >&2; exit 1");
  Script("bin/cmake", "touch compiled");
  const ChildResult result = Run({Path("run-suite.sh").string()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("newuidmap not found"));
  EXPECT_FALSE(fs::exists(Path("compiled")));
}

TEST_F(RunAllTest, ImagesThatFailEndTheCompiler) {
  fs::create_directories(Path("lab/images"));
  Script("lab/images/build.sh", R"([ "$1" != --check ] || exit 0
while [ ! -e working ]; do sleep 0.1; done
echo 'build.sh: no such mirror' >&2
exit 1)");
  Script("bin/cmake", kWorksUntilItIsEnded);
  const ChildResult result = RunAndLookWhatWasEnded();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, testing::AllOf(HasSubstr("no such mirror"), HasSubstr("images could not be built"),
                                            HasSubstr("was ended")));
}

TEST_F(RunAllTest, ACompilerThatFailsEndsTheImages) {
  fs::create_directories(Path("lab/images"));
  Script("lab/images/build.sh", std::string("[ \"$1\" != --check ] || exit 0\n") + kWorksUntilItIsEnded);
  Script("bin/cmake", "while [ ! -e working ]; do sleep 0.1; done\necho 'x.cc:1: error'; exit 1");
  const ChildResult result = RunAndLookWhatWasEnded();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, testing::AllOf(HasSubstr("x.cc:1: error"), HasSubstr("was ended")));
}

TEST_F(ScriptsTest, TheTestsHelpInstallsAndBuildsNothing) {
  for (const char* script : {"run-tests.sh", "cmake/setup.sh"}) fs::copy_file(kSource / script, Path(script));
  Script("bin/dpkg-query", "touch called; exit 1");
  Script("bin/cmake", "touch called");
  for (const char* option : {"--help", "-h"}) {
    const ChildResult result = Run({Path("run-tests.sh").string(), option});
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_THAT(result.output, testing::AllOf(HasSubstr("./run-tests.sh lint"), HasSubstr("goes to ctest")));
  }
  EXPECT_FALSE(fs::exists(Path("called")));
}

// A lab beside a compiler of equal rights takes almost twice as long.
TEST_F(ScriptsTest, TheCompilerBesideTheTestsGivesWayAndEndsWithThem) {
  for (const char* script : {"run-tests.sh", "cmake/setup.sh"}) fs::copy_file(kSource / script, Path(script));
  for (const char* name : {"bench", "fixtures", "helpers", "lab/images", "remote", "suites", "tests"}) {
    fs::create_directories(Path(name));
  }
  Script("bin/dpkg-query", "echo installed");
  Script("lab/images/build.sh", ":");
  for (const char* name : {"clang", "clang-format", "shellcheck"}) Script(std::string("bin/") + name, ":");
  Script("bin/cmake", R"(case " $* " in
*build-asan*)
  ps -o ni= -p $$ >niceness
  cat /proc/$$/autogroup >autogroup 2>/dev/null
  trap 'touch ended; exit 1' TERM
  touch working
  while :; do sleep 0.1; done
  ;;
esac)");
  // The first of the tests.
  Script("bin/run-clang-tidy", "while [ ! -e working ]; do sleep 0.1; done; kill -TERM $(cat script)");
  const ChildResult result = Run({"sh", "-c", R"(sh -c 'echo $$ >script; exec ./run-tests.sh'
echo "exit status $?"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ ! -e ended ] || break; sleep 0.5; done)"});
  EXPECT_TRUE(fs::exists(Path("ended"))) << result.output;
  EXPECT_THAT(ReadFile(Path("niceness")), HasSubstr("19"));
  if (fs::exists("/proc/self/autogroup")) {
    EXPECT_THAT(ReadFile(Path("autogroup")), HasSubstr("nice 19"));
  }
}

// Exit status 77: nothing could be checked, such as where GPUs are split by MIG.
TEST_F(RunAllTest, WhatCheckedNothingIsNoFailure) {
  Script("build/bin/passthrough-suite", R"(case " $* " in *test-b.yaml*) exit 77 ;; esac)");
  ChildResult result = RunAll();
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, testing::AllOf(HasSubstr("passed  test-a"), HasSubstr("NOT CHECKED  test-b")));
  Script("build/bin/passthrough-suite", R"(case " $* " in *" --config "*) exit 77 ;; esac)");
  result = RunAll();
  EXPECT_EQ(result.exit_status, 77) << result.output;
}

TEST_F(RunAllTest, ASignalEndsTheRunThatIsAtWorkAndStartsNoOther) {
  SlowSuite();
  std::jthread killer;
  options_.on_start = [&](int pid) {
    killer = std::jthread([this, pid] {
      const Deadline deadline = Deadline::After(std::chrono::seconds(60));
      while (!fs::exists(Path("calls")) && !deadline.Passed()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      kill(pid, SIGTERM);
    });
  };
  const ChildResult result = RunAll();
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output,
              testing::AllOf(HasSubstr("ended in order"), HasSubstr("FAILED  test-a"), HasSubstr("NOT RUN  test-b"),
                             HasSubstr("NOT RUN  test-c"), HasSubstr("merged")));
  EXPECT_THAT(ReadFile(Path("calls")), Not(HasSubstr("test-b")));
}

}  // namespace
}  // namespace passthrough
