// docs/profiles.md and docs/cluster-files.md against the readers of these formats: every key they know, and examples
// that they read.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <regex>
#include <set>

#include "helpers/base/files.h"
#include "helpers/config/cluster_file.h"
#include "helpers/config/profile.h"
#include "tests/config/test_file.h"
#include "tests/docs/markdown.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;
using Names = std::set<std::string>;

const fs::path kSourceTree = PASSTHROUGH_SOURCE_DIR;

std::vector<ConfigProblem> ProblemsIn(const std::string& text, const std::function<void(const std::string&)>& read) {
  const TestFile file(text);
  try {
    read(file.path().string());
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

// The words of `text` behind `begin` that match; empty where `begin` is not in it.
Names WordsBehind(const std::string& begin, const std::string& text, const std::string& pattern) {
  Names words;
  const size_t at = text.find(begin);
  if (at == std::string::npos) return words;
  const std::string rest = text.substr(at + begin.size());
  const std::regex expression(pattern);
  for (std::sregex_iterator match(rest.begin(), rest.end(), expression), end; match != end; ++match) {
    words.insert((*match)[1]);
  }
  return words;
}

// A key that no map has is answered with all keys that the map may have, behind `begin`. Empty where `map` is none.
Names AllowedIn(const std::string& map, const std::vector<ConfigProblem>& problems,
                const std::string& begin = "allowed: ") {
  for (const ConfigProblem& problem : problems) {
    if (problem.field == map && problem.message.starts_with("unknown key \"qqqqqqqq\"")) {
      return WordsBehind(begin, problem.message, "([a-z_]+)");
    }
  }
  return {};
}

// --- profiles ---

Placeholders Values() {
  return {{"clusters", "both"},
          {"config", "/c/x.yaml"},
          {"lab", "/b/passthrough-lab"},
          {"lab_dir", "/l"},
          {"source", kSourceTree}};
}

std::vector<ConfigProblem> ProfileProblems(const std::string& text) {
  return ProblemsIn(text, [](const std::string& path) { LoadProfile(path, Values()); });
}

// "version", "libvirt.uri", …
Names KeysOfProfiles() {
  Names keys;
  for (const std::string& top : AllowedIn("", ProfileProblems("qqqqqqqq: 1\n"))) {
    const Names inner = AllowedIn(top, ProfileProblems(top + ": {qqqqqqqq: 1}\n"));
    if (inner.empty()) keys.insert(top);
    for (const std::string& key : inner) keys.insert(fmt::format("{}.{}", top, key));
  }
  return keys;
}

Names SpansOfTables(const Document& document) {
  Names spans;
  for (const auto& row : document.table_spans) spans.insert(row.begin(), row.end());
  return spans;
}

Document Profiles() { return ReadDocument(kSourceTree / "docs" / "profiles.md"); }

TEST(ProfilesDocumentTest, HasEachKeyAndEachPlaceholderAndNoOther) {
  Names known;  // an unknown placeholder is answered with those that are
  for (const ConfigProblem& problem : ProfileProblems("description: \"{qqqqqqqq}\"\n")) {
    known.merge(WordsBehind("known are", problem.message, "(\\{[a-z_]+\\})"));
  }
  EXPECT_THAT(known, SizeIs(7));
  const Names keys = KeysOfProfiles();
  EXPECT_THAT(keys, testing::AllOf(Contains("jump.host"), Contains("deployer.working_directory"),
                                   Contains("emulated_devices"), SizeIs(testing::Ge(25u))));
  known.insert(keys.begin(), keys.end());
  EXPECT_EQ(SpansOfTables(Profiles()), known);
}

TEST(ProfilesDocumentTest, HasTheDefaultsOfTheTimeLimits) {
  const TimeLimits limits;
  const std::map<std::string, int64_t> defaults{
      {"host", limits.host.count()},       {"create", limits.create.count()},   {"ssh", limits.ssh.count()},
      {"collect", limits.collect.count()}, {"destroy", limits.destroy.count()}, {"ready", limits.ready.count()},
      {"libvirt", limits.libvirt.count()}, {"probe_scale", limits.probe_scale}};
  const std::string text = ReadFile(Profiles().path);
  Names documented;
  for (const auto& [name, value] : defaults) {
    const std::regex row(fmt::format("\\| `time_limits\\.{}` \\|[^|\\n]*\\| {} \\|\\n", name, value));
    EXPECT_TRUE(std::regex_search(text, row)) << name << " is " << value;
    documented.insert("time_limits." + name);
  }
  for (const std::string& key : KeysOfProfiles()) {
    if (key.starts_with("time_limits.")) {
      EXPECT_THAT(documented, Contains(key));
    }
  }
}

TEST(ProfilesDocumentTest, HasAnExampleForARemoteHypervisorThatIsRead) {
  std::vector<std::string> examples;
  for (const FencedBlock& block : Profiles().blocks) {
    if (block.info == "yaml") examples.push_back(block.text);
  }
  ASSERT_THAT(examples, SizeIs(1));
  const TestFile file(examples[0], "gpu-host.yaml");
  const Profile profile = LoadProfile(file.path().string(), Values());
  ASSERT_TRUE(profile.jump);
  EXPECT_THAT(profile.libvirt_uri, HasSubstr("@" + profile.jump->host + "/"));
  EXPECT_THAT(profile.deployer.create, Each(Contains(profile.libvirt_uri)));
  EXPECT_THAT(profile.deployer.destroy, Each(Contains(profile.libvirt_uri)));
  EXPECT_EQ(profile.time_limits.create, std::chrono::hours(1));
  EXPECT_FALSE(profile.known_hosts.empty());
  const ChildResult listed = RunSuite({"--profile", file.path().string(), "--gtest_list_tests"});
  EXPECT_EQ(listed.exit_status, 0) << listed.output;
}

// --- cluster files ---

std::string MinimalClusterFile() { return ReadFile(kSourceTree / "configs" / "test-pcie-passthrough-minimal.yaml"); }

// What may stand beside the line that is `before` in the compute node of the minimal file.
Names AllowedBeside(const std::string& before) {
  std::string text = MinimalClusterFile();
  const size_t compute = text.find("compute_nodes:");
  const size_t at = text.find(before, compute);
  if (compute == std::string::npos || at == std::string::npos) throw Error(before + " is not in the file");
  const size_t indent = at - text.rfind('\n', at) - 1;
  text.insert(text.find('\n', at) + 1, std::string(indent, ' ') + "qqqqqqqq: 1\n");
  for (const ConfigProblem& note : LoadClusterFile(TestFile(text).path()).notes) {
    const Names known = AllowedIn(note.field, {note}, "known: ");
    if (!known.empty()) return known;
  }
  return {};
}

TEST(ClusterFilesDocumentTest, HasEachKeyOfANodeAndOfADevice) {
  const Names documented = SpansOfTables(ReadDocument(kSourceTree / "docs" / "cluster-files.md"));
  for (const char* line : {"ip: ", "enabled: ", "device_type: "}) {
    const Names allowed = AllowedBeside(line);
    EXPECT_THAT(allowed, SizeIs(testing::Ge(2u))) << line;
    for (const std::string& key : allowed) EXPECT_THAT(documented, Contains(key));
  }
}

TEST(ClusterFilesDocumentTest, HasEachFileAndShowsOneAsItIs) {
  const Document document = ReadDocument(kSourceTree / "docs" / "cluster-files.md");
  for (const auto& entry : fs::directory_iterator(kSourceTree / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    EXPECT_THAT(SpansOfTables(document), Contains("configs/" + entry.path().filename().string()));
  }
  size_t shown = 0;
  for (const FencedBlock& block : document.blocks) {
    if (block.info != "yaml") continue;
    ++shown;
    // The file has an id that no RTX 4090's audio has, and says so at its head.
    std::string text = block.text;
    const size_t audio = text.find("\"22ba\"");
    ASSERT_NE(audio, std::string::npos);
    text.replace(audio, 6, "\"22bd\"");
    EXPECT_THAT(MinimalClusterFile(), HasSubstr(text));
  }
  EXPECT_EQ(shown, 1u);
}

}  // namespace
}  // namespace passthrough
