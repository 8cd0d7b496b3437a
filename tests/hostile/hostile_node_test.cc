// Nodes that lie, flood and break off, each a real OpenSSH server that runs something else than it was asked to.
// What such a node does is bounded, told in words that are safe to show, told of that node, and the node beside it
// is as if it were alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "helpers/base/text.h"
#include "tests/network/collecting.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// Runs for ever, and ends soon after its connection.
constexpr char kForEver[] = "while echo; do sleep 0.1; done";
// What the node answers with: the right beginning, then one frame. $nonce is the right one.
std::string Frame(const std::string& header, const std::string& body = "hello\\n") {
  return "printf '@begin %s 1\\n' $nonce; printf '@frame %s " + header + "\\n" + body + "\\n' $nonce; ";
}

struct Hostility {
  const char* name;
  std::string script;
  const char* error;  // what is told of it
  seconds limit{60};  // for its probes
};

std::ostream& operator<<(std::ostream& out, const Hostility& one) { return out << one.name; }

class HostileNode : public testing::TestWithParam<Hostility> {
 protected:
  HostileNode() {
    collecting_.AddProbe("one", "echo hello");
    collecting_.options().keep_alive = milliseconds(1500);
  }

  // The hostile node's error, with all that is to be true beside it.
  std::string ErrorOf(const std::string& script, seconds limit) {
    collecting_.options().collect_limit = limit;
    const OpensshServer hostile(NodeThatRuns(collecting_.directory() / "script", script));
    auto outcomes = collecting_.Run({{"hostile", hostile.account()}, {"well", well_.account()}});
    EXPECT_EQ(outcomes["well"].error, "");
    EXPECT_EQ(collecting_.Load("well").Require("one").text, "hello\n");
    const std::string error = collecting_.Load("hostile").error();
    EXPECT_EQ(Printable(error), error);
    EXPECT_LT(error.size(), 4096u);
    ExpectNothingElseWritten();
    return error;
  }
  // No file but those that evidence has, and no name that the node chose.
  void ExpectNothingElseWritten() {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(collecting_.directory() / "evidence")) {
      files.push_back(fs::relative(entry.path(), collecting_.directory() / "evidence").string());
    }
    std::vector<std::string> unexpected;
    for (const std::string& file : files) {
      const bool known = file == "well" || file == "hostile" || file.ends_with("/collection.json") ||
                         file.ends_with("/one.txt") || file.ends_with("/one.stderr.txt");
      if (!known) unexpected.push_back(file);
    }
    EXPECT_THAT(unexpected, testing::IsEmpty());
    std::vector<std::string> top;
    for (const auto& entry : fs::directory_iterator(collecting_.directory())) top.push_back(entry.path().filename());
    EXPECT_THAT(top, UnorderedElementsAre("evidence", "remote", "script"));
  }

  OpensshServer well_;
  Collecting collecting_;
};

TEST_P(HostileNode, IsBoundedAndTold) {
  EXPECT_THAT(ErrorOf(GetParam().script, GetParam().limit), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    , HostileNode,
    testing::Values(
        Hostility{"FloodsOutput", "yes", "64 KiB of something else came before the first probe"},
        Hostility{"NeverEndsALine", "tr '\\0' x </dev/zero", "64 KiB of something else came before the first probe"},
        Hostility{"FloodsErrors", "yes >&2", "time ran out before the first probe", seconds(8)},
        Hostility{"NeverEndsALineOfErrors", "head -c 300000 /dev/zero | tr '\\0' '\\033' >&2; exit 1", "\\x1b\\x1b"},
        Hostility{"SendsControlSequences", "printf '\\033[2J\\033]0;owned\\007\\r\\302\\2335n' >&2; exit 3",
                  "exit status 3 before the first probe: \\x1b[2J\\x1b]0;owned\\x07\\x0d\\xc2\\x9b5n"},
        Hostility{"SendsInvalidUtf8AndXml", "printf ']]></failure><x/>\\377\\300\\257&bad;\\n'; exit 3",
                  "]]></failure><x/>\\xff\\xc0\\xaf&bad;"},
        Hostility{"SendsNothing", "exit 0", "exit status 0 before the first probe"},
        Hostility{"SendsOnlyTheBeginning", "printf '@begin %s 1\\n' $nonce", "exit status 0 before the first probe"},
        Hostility{
            "SendsFramesOfAnotherNonce",
            "n=0123456789abcdef0123456789abcdef; printf '@begin %s 1\\n@frame %s one exit 0 0 6 0 0 0\\nhello\\n\\n"
            "@end %s 1\\n' $n $n $n",
            "exit status 0 before the first probe"},
        Hostility{
            "ChangesTheNonce",
            "printf '@begin %s 1\\n@frame 0123456789abcdef one exit 0 0 6 0 0 0\\n' $nonce; " + std::string(kForEver),
            "expected a probe's header, found \"@frame 0123456789abcdef one"},
        Hostility{"RanAProbeThatNobodyAskedFor", Frame("shadow exit 0 0 6 0 0 0") + kForEver,
                  "the output of probe \"shadow\" was not expected here"},
        Hostility{
            "RanAProbeTwice",
            Frame("one exit 0 0 6 0 0 0") + "printf '@frame %s one exit 0 0 6 0 0 0\\nhello\\n\\n' $nonce; " + kForEver,
            "the output of probe \"one\" was not expected here"},
        Hostility{"NamesAProbeAsAPath", Frame("../../hostile exit 0 0 6 0 0 0") + kForEver,
                  "the output of probe \"../../hostile\" was not expected here"},
        Hostility{"NamesAProbeAbsolutely", Frame("/tmp/hostile exit 0 0 6 0 0 0") + kForEver,
                  "the output of probe \"/tmp/hostile\" was not expected here"},
        Hostility{"NamesAProbeWithANewline", Frame("one\\nx exit 0 0 6 0 0 0") + kForEver,
                  "a probe's header cannot be read"},
        Hostility{"NamesAProbeWithNothingButControls", Frame("\\033\\007 exit 0 0 6 0 0 0") + kForEver,
                  "the output of probe \"\\x1b\\x07\" was not expected here"},
        Hostility{"ClaimsMoreThanAProbeMaySay", Frame("one exit 0 0 4194305 0 0 0") + kForEver,
                  "a probe's header cannot be read"},
        Hostility{"ClaimsMoreThanANumberHolds", Frame("one exit 0 0 99999999999999999999 0 0 0") + kForEver,
                  "a probe's header cannot be read"},
        Hostility{"ClaimsANegativeLength", Frame("one exit 0 0 -1 0 0 0") + kForEver,
                  "a probe's header cannot be read"},
        Hostility{"SaysMoreThanItsHeader", Frame("one exit 0 0 3 0 0 0") + kForEver,
                  "probe one's output is longer than its header says"},
        Hostility{"SaysLessThanItsHeader", Frame("one exit 0 0 600 0 0 0"),
                  "exit status 0 in the middle of probe one's output"},
        Hostility{"EndsBeforeAllProbes", "printf '@begin %s 1\\n@end %s 0\\n' $nonce $nonce; " + std::string(kForEver),
                  "it ended with 0 of 1 probes"},
        Hostility{"FloodsAfterItsFrame", Frame("one exit 0 0 6 0 0 0") + "yes",
                  "expected a probe's header, found \"y\""},
        Hostility{"HangsUp", "kill -KILL $PPID", "connection lost before the first probe"},
        Hostility{"HangsUpInAProbe", Frame("one exit 0 0 600 0 0 0") + "sleep 0.5; kill -KILL $PPID",
                  "connection lost in the middle of probe one's output"},
        Hostility{"StopsAnswering", "kill -STOP $PPID", "the server was silent for"}),
    [](const auto& one) { return std::string(one.param.name); });

// A node that answers right, about itself, cannot be told from one that is honest: its words are kept as they are.
TEST_F(HostileNode, FramesInsideOutputAreOutput) {
  const OpensshServer hostile(
      NodeThatRuns(collecting_.directory() / "script",
                   "text=$(printf '@frame %s two exit 0 0 6 0 0 0\\nhello\\n\\n@end %s 1\\n\\033[2J' $nonce $nonce)\n"
                   "printf '@begin %s 1\\n@frame %s one exit 0 0 %d 0 0 0\\n%s\\n@end %s 1\\n' "
                   "$nonce $nonce ${#text} \"$text\" $nonce"));
  EXPECT_EQ(collecting_.Run({{"hostile", hostile.account()}})["hostile"].error, "");
  const std::string text = collecting_.Load("hostile").Require("one").text;
  EXPECT_THAT(text, AllOf(testing::StartsWith("@frame "), HasSubstr(" two exit 0 0 6 0 0 0\nhello\n\n@end "),
                          testing::EndsWith(" 1\n\x1b[2J")));
  ExpectNothingElseWritten();
}

TEST_F(HostileNode, TenMegabytesOfAProbeAreCutToFourAndTold) {
  collecting_.AddProbe("large", "head -c 10485760 /dev/zero | tr '\\0' k");
  EXPECT_EQ(collecting_.Run({{"node", well_.account()}})["node"].error, "");
  const NodeEvidence evidence = collecting_.Load("node");
  EXPECT_EQ(evidence.Require("one").text, "hello\n");
  EXPECT_EQ(fs::file_size(collecting_.directory() / "evidence" / "node" / "large.txt"), 4u << 20);
  try {
    evidence.Require("large");
    ADD_FAILURE() << "it was taken for whole";
  } catch (const EvidenceError& error) {
    EXPECT_THAT(error.what(), HasSubstr("node: probe large printed more than is kept"));
  }
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PASSTHROUGH_UNDER_ASAN
#endif
#endif
// AddressSanitizer keeps up to 256 MiB of freed memory (quarantine_size_mb).
#if defined(PASSTHROUGH_UNDER_ASAN) || defined(__SANITIZE_ADDRESS__)
constexpr long kMostMemory = 600L * 1024;
#else
constexpr long kMostMemory = 200L * 1024;
#endif

TEST_F(HostileNode, FloodsCostNoMemory) {
  const auto peak = [] {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KiB
  };
  ErrorOf("exit 1", seconds(60));
  const long before = peak();
  ErrorOf("yes >&2", seconds(8));
  EXPECT_LT(peak() - before, kMostMemory) << "a loopback carries more than that in eight seconds";
}

TEST_F(HostileNode, HostKeyThatChangesBetweenConnectionsIsThatNodesError) {
  OpensshServer changing;
  const std::vector<CollectTarget> targets = {{"changing", changing.account()}, {"well", well_.account()}};
  EXPECT_EQ(collecting_.Run(targets)["changing"].error, "");
  changing.Stop();
  changing.ChangeHostKeys();
  changing.Start();
  auto outcomes = collecting_.Run(targets);
  EXPECT_THAT(outcomes["changing"].error,
              AllOf(HasSubstr(fmt::format("host key of [127.0.0.1]:{} changed", changing.account().port)),
                    HasSubstr("seen at first contact in this run")));
  EXPECT_THROW(collecting_.Load("changing").Require("one"), EvidenceError) << "evidence of before is no evidence";
  EXPECT_EQ(outcomes["well"].error, "");
  EXPECT_EQ(collecting_.Load("well").Require("one").text, "hello\n");
}

// What a server says when it refuses is shown too.
TEST_F(HostileNode, BannerIsShownSafely) {
  const fs::path banner = collecting_.directory() / "script";
  WriteFile(banner, "\x1b]0;owned\x07 <x> \xff " + std::string(10'000, '-') + "\n");
  OpensshServer::Options options;
  options.more_config = {"Banner " + banner.string(), "AuthorizedKeysFile none"};
  const OpensshServer hostile(options);
  auto outcomes = collecting_.Run({{"hostile", hostile.account()}, {"well", well_.account()}});
  const std::string error = collecting_.Load("hostile").error();
  EXPECT_THAT(error, AllOf(HasSubstr("permission denied"), HasSubstr("\\x1b]0;owned\\x07 <x> \\xff ---")));
  EXPECT_EQ(Printable(error), error);
  EXPECT_LT(error.size(), 4096u);
  EXPECT_EQ(outcomes["well"].error, "");
}

}  // namespace
}  // namespace passthrough
