// The installed completions, in the shells themselves.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "helpers/base/text.h"
#include "tests/install/installation.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Words = std::vector<std::string>;

Words Lines(const ChildResult& result) {
  EXPECT_TRUE(result.Succeeded()) << result.output;
  Words lines;
  for (const std::string_view line : SplitLines(result.output)) lines.emplace_back(line);
  return lines;
}

// What bash offers for the last of `words`, which are as bash has them: --name=value is three.
Words Bash(const Words& words) {
  const std::string& program = words.front();
  std::string function = "_" + program;
  std::replace(function.begin(), function.end(), '-', '_');
  Words command{"bash", "-uc",
                fmt::format("source \"$1\"; shift; complete -p {0} >/dev/null; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - "
                            "1)); {1}; if [ ${{#COMPREPLY[@]}} -gt 0 ]; then printf '%s\\n' \"${{COMPREPLY[@]}}\"; fi",
                            program, function),
                "bash", (Installation() / "share/bash-completion/completions" / program).string()};
  command.insert(command.end(), words.begin(), words.end());
  return Lines(RunInstalled(command));
}

// As docs/install.md has it, for an installation that is in no place where the shell looks.
TEST(Completion, BashTakesItFromThePrograms) {
  const ChildResult result = RunInstalled({"bash", "-ec",
                                           "source <(passthrough-suite --completion bash)\n"
                                           "source <(passthrough-lab completion bash)\n"
                                           "complete -p passthrough-suite passthrough-lab"});
  EXPECT_THAT(Lines(result), ElementsAre("complete -F _passthrough_suite passthrough-suite",
                                         "complete -F _passthrough_lab passthrough-lab"))
      << result.output;
}

// What fish offers for the end of `line`, without its descriptions.
Words Fish(const std::string& program, const std::string& line) {
  const std::string script = (Installation() / "share/fish/vendor_completions.d" / (program + ".fish")).string();
  Words offers =
      Lines(RunInstalled({"fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, line}));
  for (std::string& offer : offers) offer.resize(std::min(offer.find('\t'), offer.size()));
  return offers;
}

TEST(Completion, BashOffersOptions) {
  EXPECT_THAT(Bash({"passthrough-suite", "--prof"}), ElementsAre("--profile"));
  EXPECT_THAT(Bash({"passthrough-suite", "--"}),
              AllOf(Contains("--config"), Contains("--gtest_filter="), Not(Contains("--guard"))));
  EXPECT_THAT(Bash({"passthrough-lab", "up", "--"}), AllOf(Contains("--lab-dir"), Not(Contains("--keep"))));
}

TEST(Completion, BashOffersCommands) {
  EXPECT_THAT(Bash({"passthrough-lab", "res"}), ElementsAre("restore"));
  EXPECT_THAT(Bash({"passthrough-lab", ""}), AllOf(Contains("up"), Contains("destroy")));
}

TEST(Completion, BashOffersProfilesAndChecks) {
  EXPECT_THAT(Bash({"passthrough-suite", "--profile", ""}), ElementsAre("host", "host-own-deployer", "lab"));
  EXPECT_THAT(Bash({"passthrough-suite", "--profile", "=", "l"}), ElementsAre("lab"));
  EXPECT_THAT(Bash({"passthrough-suite", "--profile", "="}), ElementsAre("host", "host-own-deployer", "lab"));
  EXPECT_THAT(
      Bash({"passthrough-suite", "--gtest_filter", "=", "DeviceFiles."}),
      AllOf(Contains("DeviceFiles.*"), Contains("DeviceFiles.OneForEachGpu/*"), Each(StartsWith("DeviceFiles."))));
  EXPECT_THAT(Bash({"passthrough-suite", "--target-vm", ""}), IsEmpty());
}

TEST(Completion, BashOffersFiles) {
  const std::string root = Installation().string() + "/";
  EXPECT_THAT(Bash({"passthrough-suite", "--config", root + "sh"}), ElementsAre(root + "share"));
  EXPECT_THAT(Bash({"passthrough-lab", "create", root + "b"}), ElementsAre(root + "bin"));
  EXPECT_THAT(Bash({"passthrough-suite", "--lab-dir", root + "bin/"}), IsEmpty()) << "files are no directories";
}

TEST(Completion, FishOffersTheSame) {
  EXPECT_THAT(Fish("passthrough-suite", "passthrough-suite --prof"), ElementsAre("--profile"));
  EXPECT_THAT(Fish("passthrough-suite", "passthrough-suite --profile h"), ElementsAre("host", "host-own-deployer"));
  EXPECT_THAT(Fish("passthrough-suite", "passthrough-suite --gtest_filter=DeviceFiles.O"),
              ElementsAre("--gtest_filter=DeviceFiles.OneForEachGpu/*"));
  EXPECT_THAT(Fish("passthrough-lab", "passthrough-lab res"), ElementsAre("restore"));
  EXPECT_THAT(Fish("passthrough-lab", "passthrough-lab down --k"), ElementsAre("--keep"));
}

// What zsh offers for the end of `line`: in a terminal of its own, with a compadd that tells.
Words Zsh(const std::string& line) {
  const std::string script = R"(zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; stty columns 500; fpath=(${(q)1} \$fpath); autoload -U compinit; compinit -D -u"
zpty -w shell 'compadd() {
  if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    local -a hits; builtin compadd -A hits "$@"; print -l -- "" OFFER:$^hits:END
  fi
  builtin compadd "$@"
}'
zpty -w shell 'last() { print -- LA""ST; exit; }; offer() { comppostfuncs=(last); _main_complete; }'
zpty -w shell 'zle -C offer complete-word offer; bindkey "^X" offer; print READY""NOW'
zpty -r shell out '*READYNOW*'
zpty -n -w shell "$2"$'\C-X'
zpty -r shell out '*LAST*'
print -r -- $out
)";
  const ChildResult result = RunInstalled(
      {"zsh", "-f", "-c", script, "zsh", (Installation() / "share/zsh/vendor-completions").string(), line});
  Words offers;
  for (const std::string& printed : Lines(result)) {
    const size_t begin = printed.find("OFFER:");
    const size_t end = printed.rfind(":END");
    if (begin != std::string::npos && end != std::string::npos) {
      offers.push_back(printed.substr(begin + 6, end - begin - 6));
    }
  }
  return offers;
}

TEST(Completion, ZshOffersTheSame) {
  EXPECT_THAT(Zsh("passthrough-lab res"), ElementsAre("restore"));
  EXPECT_THAT(Zsh("passthrough-lab down --k"), ElementsAre("--keep"));
  EXPECT_THAT(Zsh("passthrough-suite --profile=h"), ElementsAre("host", "host-own-deployer"));
}

}  // namespace
}  // namespace passthrough
