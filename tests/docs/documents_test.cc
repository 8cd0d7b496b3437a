// What README.md and docs/ say is so: commands, options, links, files, quoted messages.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <set>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "tests/docs/command_checks.h"
#include "tests/docs/source_files.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kProject = PASSTHROUGH_SOURCE_DIR;

DocumentedCommand One(const std::string& shell) { return CommandsOf(shell, "here:1").at(0); }

TEST(DocumentsTest, EachCommandIsOne) {
  size_t checked = 0;
  for (const Document& document : ProjectDocuments()) {
    for (const DocumentedCommand& command : CommandsOf(document)) {
      EXPECT_THAT(ProblemOf(command), IsEmpty());
      ++checked;
    }
  }
  EXPECT_GT(checked, 60u) << "the documents' commands were not found";
}

// The blocks of shell that belong here ("sh on a real host" does not), by page and first command, each with the file
// that runs it and the words by which it does.
struct RunByTest {
  const char* page;
  const char* command;
  const char* file;
  const char* words;
};
constexpr RunByTest kRunByTests[] = {
    {"README.md", "./run-suite.sh", "tests/releases/walk.sh", "&& ./run-suite.sh'"},
    {"README.md", "./run-tests.sh", ".ci/run", "./run-tests.sh"},
    {"docs/ci.md", "for config in configs/test-*.yaml; do", "tests/docs/ci_jobs_test.cc",
     "BlockWith(\"--merge-junit\")"},
    {"docs/ci.md", "./run-suite.sh --profile host --gtest_filter='GpuWork.*' || {", "tests/docs/ci_jobs_test.cc",
     "BlockWith(\"::warning::\")"},
    {"docs/install.md", "cmake --preset default && cmake --build --preset default", "tests/releases/walk.sh", "cpack"},
    {"docs/install.md", "passthrough-suite", "tests/releases/walk.sh", "walk passthrough-suite"},
    {"docs/install.md", "cmake --install build --strip --prefix ~/.local", "tests/install/installation.cc",
     "\"--strip\", \"--prefix\""},
    {"docs/install.md", "source <(passthrough-suite --completion bash)", "tests/install/completion_test.cc",
     "source <(passthrough-suite --completion bash)"},
    {"docs/install.md", "passthrough-suite --ctest checks", "tests/install/installation_test.cc", "\"--ctest\""},
    {"docs/lab.md", "passthrough-lab check configs/test-pcie-passthrough-minimal.yaml",
     "tests/end_to_end/manual_test.cc", "AsScript(\"lab.md\")"},
    {"docs/options.md", "./run-suite.sh --all", "tests/end_to_end/CMakeLists.txt", "run-suite.sh --all"},
    {"docs/options.md", "cmake --preset default && cmake --build --preset default",
     "tests/end_to_end/whole_run_test.cc", "\"ctest\""},
};

TEST(DocumentsTest, EachCommandThatCanRunHereRunsInATest) {
  size_t found = 0;
  for (const Document& document : ProjectDocuments()) {
    const std::string page = document.path.lexically_relative(kProject).string();
    for (const FencedBlock& block : document.blocks) {
      if ((block.info != "sh" && block.info != "console") || page == "docs/manual.md") continue;  // it runs as a whole
      std::string command = block.text.substr(0, block.text.find('\n'));
      if (block.info == "console" && !command.starts_with("$ ")) continue;  // what one prints
      if (block.info == "console") command.erase(0, 2);
      command = std::string(Trim(command.substr(0, command.find(" #"))));
      const auto* const run = std::find_if(std::begin(kRunByTests), std::end(kRunByTests), [&](const RunByTest& one) {
        return one.page == page && one.command == command;
      });
      if (run == std::end(kRunByTests)) {
        ADD_FAILURE() << page << ":" << block.line << ": no test runs it: " << command;
        continue;
      }
      ++found;
      EXPECT_THAT(ReadFile(kProject / run->file), HasSubstr(run->words)) << page << ": " << command;
    }
  }
  EXPECT_GE(found, std::size(kRunByTests)) << "one of them is in no page any more";
}

TEST(DocumentsTest, ACommandThatIsNoneIsFound) {
  EXPECT_THAT(ProblemOf(One("./run-suite.sh --profil host")), HasSubstr("--profil: no such option"));
  EXPECT_THAT(ProblemOf(One("$suite --cycles 5")), HasSubstr("--cycles without --disruptive"));
  EXPECT_THAT(ProblemOf(One("$lab create --forse x.yaml")), HasSubstr("--forse: no such option"));
  EXPECT_THAT(ProblemOf(One("$lab creat x.yaml")), HasSubstr("creat: no such command"));
  EXPECT_THAT(ProblemOf(One("virsh -c \"$uri\" net-destroi x")), HasSubstr("net-destroi"));
  EXPECT_THAT(ProblemOf(One("virsh undefine x --everything")), HasSubstr("no option --everything"));
  EXPECT_THAT(ProblemOf(One("ctest --preset laboratory")), HasSubstr("no preset laboratory"));
}

TEST(DocumentsTest, EachOptionInTheProseIsKnown) {
  // Of the kernel's, GoogleTest's and others' programs.
  const std::set<std::string> of_others{"--force",        "--inactive",     "--wait",    "--gtest_list_tests",
                                        "--gtest_filter", "--gtest_output", "--project", "--state"};
  const std::regex option("--[a-z][a-z_-]*");
  for (const Document& document : ProjectDocuments()) {
    if (document.path.filename() == "faults.md") continue;  // quotes commands of libvirt's and the kernel's
    for (const std::string& span : document.spans) {
      for (std::sregex_iterator at(span.begin(), span.end(), option), end; at != end; ++at) {
        if (of_others.contains(at->str())) continue;
        EXPECT_TRUE(IsOptionOfTheProject(at->str()))
            << document.path << " names " << at->str() << " in `" << span << "`";
      }
    }
  }
  EXPECT_FALSE(IsOptionOfTheProject("--no-such-option"));
}

TEST(DocumentsTest, EachOptionOfTheSuiteIsInItsPage) {
  const std::string page = ReadFile(kProject / "docs" / "options.md");
  const std::string help = RunSuite({"--help"}).output;
  const std::regex option("\n  (--[a-z-]+)");
  for (std::sregex_iterator at(help.begin(), help.end(), option), end; at != end; ++at) {
    EXPECT_THAT(page, HasSubstr("`" + (*at)[1].str())) << "not in docs/options.md";
  }
}

// Who pastes a block that cleans up has no cluster before and none after.
TEST(DocumentsTest, NothingUnderCleanupDeploys) {
  const std::regex deploys("\\$lab (create|up)|--no-cleanup|(^|\n)(virsh .* (start|create)|uv run ai-how .*start)");
  const Document manual = ReadDocument(kProject / "docs" / "manual.md");
  size_t shown = 0;
  size_t hidden = 0;
  for (const FencedBlock& block : manual.blocks) {
    if (block.under != "Manual cleanup") continue;
    ++(block.shown ? shown : hidden);
    EXPECT_EQ(std::regex_search(block.text, deploys), !block.shown) << "manual.md:" << block.line;
  }
  EXPECT_GE(shown, 6u);
  EXPECT_GE(hidden, 3u) << "the test of the manual has nothing to remove";
}

// A group that is none is answered with the list of those that are.
TEST(DocumentsTest, EachGroupOfTestsIsInItsPage) {
  const ChildResult result =
      RunChild({(kProject / "run-tests.sh").string(), "no-such-group"}, {}, Deadline::After(std::chrono::minutes(1)));
  EXPECT_EQ(result.exit_status, 1);
  const size_t list = result.output.find("there are ");
  ASSERT_NE(list, std::string::npos) << result.output;
  const std::string groups =
      std::regex_replace(result.output.substr(list + 10), std::regex("run-tests.sh: |[,\n]|and "), " ");
  const std::string page = ReadFile(kProject / "docs" / "extending.md");
  size_t named = 0;
  for (const std::string_view group : SplitWords(groups)) {
    EXPECT_TRUE(page.find("`" + std::string(group) + "`") != std::string::npos ||
                page.find("`./run-tests.sh " + std::string(group) + "`") != std::string::npos)
        << group;
    ++named;
  }
  EXPECT_GE(named, 6u);
}

// As GitHub makes it: lower case, blanks to hyphens, no punctuation.
std::string Anchor(const std::string& heading) {
  std::string anchor;
  for (const unsigned char c : heading) {
    if (std::isalnum(c) != 0 || c == '-' || c == '_' || c >= 0x80) anchor += static_cast<char>(std::tolower(c));
    if (c == ' ') anchor += '-';
  }
  return anchor;
}

TEST(DocumentsTest, EachLinkLeadsSomewhere) {
  for (const Document& document : ProjectDocuments()) {
    for (const std::string& link : document.links) {
      if (link.starts_with("http")) continue;
      const size_t hash = link.find('#');
      const fs::path file = hash == 0 ? document.path : document.path.parent_path() / link.substr(0, hash);
      ASSERT_TRUE(fs::exists(file)) << document.path << " links to " << link;
      if (hash == std::string::npos) continue;
      std::vector<std::string> anchors;
      for (const auto& heading : ReadDocument(file).headings) anchors.push_back(Anchor(heading));
      EXPECT_THAT(anchors, testing::Contains(link.substr(hash + 1))) << document.path;
    }
  }
}

TEST(DocumentsTest, EachFileOfTheProjectThatIsNamedIsThere) {
  const std::regex file("(configs|docs|tests|cmake|lab|remote|helpers|suites|fixtures)/[A-Za-z0-9_./-]+");
  for (const Document& document : ProjectDocuments()) {
    for (const std::string& span : document.spans) {
      if (!std::regex_match(span, file)) continue;
      EXPECT_TRUE(fs::exists(kProject / span)) << document.path << " names " << span;
    }
  }
}

// "…" stands for what differs.
std::vector<std::string> Fragments(const std::string& message) {
  std::vector<std::string> fragments;
  const std::string dots = "…";
  for (size_t begin = 0; begin <= message.size();) {
    const size_t end = std::min(message.find(dots, begin), message.size());
    const std::string fragment(Trim(message.substr(begin, end - begin)));
    if (fragment.size() > 2) fragments.push_back(fragment);
    begin = end + dots.size();
  }
  return fragments;
}

TEST(DocumentsTest, EachSymptomIsWhatAProgramOfTheProjectPrints) {
  const std::string literals = AllLiterals();
  const Document manual = ReadDocument(kProject / "docs" / "manual.md");
  size_t symptoms = 0;
  for (const auto& spans : manual.table_spans) {
    for (const std::string& span : spans) {
      ++symptoms;
      for (const std::string& fragment : Fragments(span)) {
        EXPECT_NE(literals.find(fragment), std::string::npos)
            << "docs/manual.md quotes what nothing prints: " << fragment;
      }
    }
  }
  EXPECT_GT(symptoms, 30u);
  EXPECT_EQ(literals.find("this message is nobody's"), std::string::npos);
}

}  // namespace
}  // namespace passthrough
