// No shell is ever built from a string that came from a file or a node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tests/docs/source_files.h"

namespace passthrough {
namespace {

using testing::IsEmpty;

// Lines of code in `text` that match.
std::vector<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  const std::string code = WithoutComments(text);
  std::vector<std::string> found;
  for (std::sregex_iterator at(code.begin(), code.end(), expression), end; at != end; ++at) found.push_back(at->str());
  return found;
}

const char kShellFunctions[] = R"((^|[^A-Za-z0-9_.>])(std::)?(system|popen|wordexp|execlp?e?)\s*\()";
const char kShellAsChild[] = R"("(/bin/|/usr/bin/)?(ba|da|z)?sh",\s*"-c")";
// What has a shell on another machine, or writes a script.
const char kRemoteShell[] =
    R"re(R"sh\(|("|\s|'|/)sh -[cs]\b|#!/bin/sh|\bRunScript\(|\bguest\.Run\(|[^:]\bExec\(|\bUnpackAndRun\()re";

TEST(NoShellTest, NoFunctionThatStartsAShell) {
  for (const SourceFile& file : ProgramSources()) {
    EXPECT_THAT(Matches(file.text, kShellFunctions), IsEmpty()) << file.name;
    EXPECT_THAT(Matches(file.text, kShellAsChild), IsEmpty()) << file.name;
  }
  EXPECT_THAT(Matches("int x = system(command.c_str());", kShellFunctions), testing::SizeIs(1));
  EXPECT_THAT(Matches("FILE* f = ::popen(x, \"r\");", kShellFunctions), testing::SizeIs(1));
  EXPECT_THAT(Matches("RunChild({\"/bin/sh\", \"-c\", text}, {}, d);", kShellAsChild), testing::SizeIs(1));
  EXPECT_THAT(Matches("// system(\"x\")\n/* popen(1) */", kShellFunctions), IsEmpty());
}

// Shells on a node or on the lab host get fixed text, with nothing put in but what is typed or checked.
// Whoever adds a file here has looked.
TEST(NoShellTest, RemoteShellsAreTheKnownOnes) {
  const std::map<std::string, std::string> known{
      {"helpers/actions/script_archive.cc", "a fixed frame around what action.cc and remote_archive.cc make"},
      {"helpers/actions/script_archive.h", "declares it"},
      {"helpers/actions/action.cc", "a fixed text; an action's name and arguments of a small alphabet"},
      {"helpers/evidence/collector.cc", "runs the command of remote_archive.cc"},
      {"helpers/evidence/node_setup.cc", "a fixed text, or the profile's own command, quoted (ShellCommand)"},
      {"helpers/evidence/remote_archive.cc", "a nonce of hex digits, a number, names of probes that were checked"},
      {"helpers/disruption/ssh_node.cc", "runs the command of action.cc"},
      {"helpers/ssh/ssh_session.h", "declares Exec"},
      {"lab/host/lab_facts.cc", "the lab directory's own path, in single quotes (ShellWord)"},
      {"lab/host/lab_guest.cc", "LabGuest::Run: callers give constants; a clock's reading, as a number"},
      {"lab/host/lab_guest.h", "declares it"},
      {"lab/host/lab_up.cc", "constants, and lab/host/rehearse-deployment.sh"},
  };
  std::set<std::string> found;
  for (const SourceFile& file : ProgramSources()) {
    if (!Matches(file.text, kRemoteShell).empty()) found.insert(file.name);
  }
  std::set<std::string> reviewed;
  for (const auto& [name, why] : known) reviewed.insert(name);
  EXPECT_EQ(found, reviewed);
}

}  // namespace
}  // namespace passthrough
