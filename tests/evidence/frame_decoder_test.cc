#include "helpers/evidence/frame_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace passthrough {
namespace {

using testing::HasSubstr;

const char* const kNonce = "0123456789abcdef";

// The text of a healthy run; what looks like a frame inside of the output is output.
std::string HealthyBytes() {
  return "@begin 0123456789abcdef 1\n"
         "@frame 0123456789abcdef one exit 3 120 6 5 0 0\nhello\noops\n\n"
         "@frame 0123456789abcdef two timeout 20 21030 31 0 1 0\n"
         "@end 0123456789abcdef 2\n" +
         std::string("\0\xff\x1b[1\n\n\n", 8) +
         "@frame 0123456789abcdef three signal 11 0 0 0 0 0\n\n"
         "@end 0123456789abcdef 3\n";
}

FrameDecoder Decode(const std::vector<std::string>& pieces,
                    const std::vector<std::string>& probes = {"one", "two", "three"}) {
  FrameDecoder decoder(kNonce, probes);
  for (const std::string& piece : pieces) decoder.Feed(piece);
  return decoder;
}

void ExpectHealthy(const FrameDecoder& decoder) {
  ASSERT_TRUE(decoder.done()) << decoder.problem() << ", " << decoder.Progress();
  ASSERT_EQ(decoder.outputs().size(), 3u);
  const ProbeOutput& one = decoder.outputs()[0];
  EXPECT_EQ(one.text, "hello\n");
  EXPECT_EQ(one.error_text, "oops\n");
  EXPECT_EQ(one.exit_status, 3);
  EXPECT_DOUBLE_EQ(one.seconds, 0.12);
  EXPECT_TRUE(one.complete);
  EXPECT_FALSE(one.truncated);
  const ProbeOutput& two = decoder.outputs()[1];
  EXPECT_TRUE(two.timed_out);
  EXPECT_EQ(two.limit_seconds, 20);
  EXPECT_EQ(two.exit_status, -1);
  EXPECT_TRUE(two.truncated);
  EXPECT_EQ(two.text.size(), 31u);
  EXPECT_THAT(two.text, HasSubstr("@end 0123456789abcdef 2\n"));
  const ProbeOutput& three = decoder.outputs()[2];
  EXPECT_EQ(three.signal, 11);
  EXPECT_EQ(three.text, "");
}

TEST(FrameDecoder, ReadsOfAProbeThatWasNotRun) {
  const FrameDecoder decoder = Decode(
      {"@begin 0123456789abcdef 1\n@frame 0123456789abcdef one skipped 0 0 0 3 0 0\nwhy\n@end 0123456789abcdef 1\n"},
      {"one"});
  ASSERT_TRUE(decoder.done()) << decoder.problem();
  EXPECT_TRUE(decoder.outputs()[0].skipped);
  EXPECT_EQ(decoder.outputs()[0].error_text, "why");
}

TEST(FrameDecoder, ReadsFramesInOnePiece) { ExpectHealthy(Decode({HealthyBytes()})); }

TEST(FrameDecoder, ReadsFramesCutAtEachByte) {
  const std::string text = HealthyBytes();
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    SCOPED_TRACE(cut);
    ExpectHealthy(Decode({text.substr(0, cut), text.substr(cut)}));
  }
}

TEST(FrameDecoder, ReadsFramesByteByByte) {
  std::vector<std::string> bytes;
  for (char c : HealthyBytes()) bytes.emplace_back(1, c);
  ExpectHealthy(Decode(bytes));
}

TEST(FrameDecoder, IsNotDoneWhereverTheBytesEnd) {
  const std::string text = HealthyBytes();
  for (size_t end = 0; end < text.size(); ++end) {
    SCOPED_TRACE(end);
    FrameDecoder decoder = Decode({text.substr(0, end)});
    EXPECT_FALSE(decoder.done());
    EXPECT_EQ(decoder.problem(), "");
    EXPECT_NE(decoder.Progress(), "");
    // Only the last may be incomplete.
    for (size_t i = 0; i + 1 < decoder.outputs().size(); ++i) {
      EXPECT_TRUE(decoder.outputs()[i].complete);
    }
  }
}

TEST(FrameDecoder, TellsHowFarItCame) {
  const std::string text = HealthyBytes();
  EXPECT_EQ(Decode({""}).Progress(), "before the first probe");
  size_t second = text.find("@frame 0123456789abcdef two");
  EXPECT_EQ(Decode({text.substr(0, second)}).Progress(), "after probe one");
  EXPECT_EQ(Decode({text.substr(0, second + 60)}).Progress(), "in the middle of probe two's output");
}

TEST(FrameDecoder, SurvivesEachFlippedBit) {
  const std::string text = HealthyBytes();
  for (size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      FrameDecoder decoder = Decode({flipped});
      size_t kept = decoder.preface().size();
      for (const ProbeOutput& output : decoder.outputs()) {
        kept += output.text.size() + output.error_text.size();
      }
      EXPECT_LE(kept, text.size() + 1) << at << " bit " << bit;
      // Whatever it took for an output is one that was asked for, in that order.
      const std::vector<std::string> names = {"one", "two", "three"};
      for (size_t i = 0; i < decoder.outputs().size(); ++i) {
        EXPECT_EQ(decoder.outputs()[i].probe, names[i]);
      }
    }
  }
}

TEST(FrameDecoder, SkipsWhatALoginShellPrints) {
  FrameDecoder decoder = Decode({"Welcome to node 1!\n@begin fedcba9876543210 1\n\n", HealthyBytes()});
  ExpectHealthy(decoder);
  EXPECT_THAT(decoder.preface(), HasSubstr("Welcome to node 1!\n"));
}

TEST(FrameDecoder, GivesUpOnAnEndlessPreface) {
  FrameDecoder decoder(kNonce, {"one"});
  for (int i = 0; i < 1000; ++i) decoder.Feed(std::string(1000, 'x'));
  EXPECT_THAT(decoder.problem(), HasSubstr("64 KiB of something else"));
  EXPECT_LE(decoder.preface().size(), 4096u);
}

// Each a frame's header that is wrong in one way, and what is said of it.
struct BadHeader {
  std::string line;
  std::string says;
};

class FrameDecoderBadHeader : public testing::TestWithParam<BadHeader> {};

TEST_P(FrameDecoderBadHeader, IsToldInWords) {
  FrameDecoder decoder = Decode({"@begin 0123456789abcdef 1\n" + GetParam().line + "\n"});
  EXPECT_FALSE(decoder.done());
  EXPECT_THAT(decoder.problem(), HasSubstr(GetParam().says));
  EXPECT_THAT(decoder.problem(), HasSubstr("at byte "));
  EXPECT_TRUE(decoder.outputs().empty());
  // Nothing is taken after that.
  decoder.Feed(HealthyBytes());
  EXPECT_FALSE(decoder.done());
}

const std::string kFrame = "@frame 0123456789abcdef ";
INSTANTIATE_TEST_SUITE_P(
    Each, FrameDecoderBadHeader,
    testing::Values(BadHeader{kFrame + "one exit 0 0 4194305 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 0 0 0 65537 0 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 0 0 99999999999999999999999 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 0 0 -1 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 256 0 0 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one signal 0 0 0 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one died 1 0 0 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 0 0 0 0 2 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 0 0 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "one exit 0 0 0 0 0 0 0", "cannot be read"},
                    BadHeader{kFrame + "two exit 0 0 0 0 0 0", "\"two\" was not expected here"},
                    BadHeader{kFrame + "../../etc exit 0 0 0 0 0 0", "was not expected here"},
                    BadHeader{"@frame fedcba9876543210 one exit 0 0 0 0 0 0", "expected a probe's header"},
                    BadHeader{"\x1b[2Jhello", "\\x1b[2Jhello"},
                    BadHeader{"@end 0123456789abcdef 0", "it ended with 0 of 3 probes"},
                    BadHeader{std::string(10000, 'x'), "expected a probe's header"}));

TEST(FrameDecoder, NoticesOutputThatIsLongerThanItsHeaderSays) {
  FrameDecoder decoder = Decode({"@begin 0123456789abcdef 1\n@frame 0123456789abcdef one exit 0 0 2 0 0 0\nabc\n"});
  EXPECT_THAT(decoder.problem(), HasSubstr("probe one's output is longer than its header says"));
  EXPECT_FALSE(decoder.outputs()[0].complete);
}

TEST(FrameDecoder, NoticesAFrameTooMany) {
  FrameDecoder decoder = Decode({"@begin 0123456789abcdef 1\n"
                                 "@frame 0123456789abcdef one exit 0 0 0 0 0 0\n\n"
                                 "@frame 0123456789abcdef one exit 0 0 0 0 0 0\n\n"},
                                {"one"});
  EXPECT_THAT(decoder.problem(), HasSubstr("not expected here"));
}

TEST(FrameDecoder, IgnoresWhatComesAfterTheEnd) {
  ExpectHealthy(Decode({HealthyBytes(), "logout\n@frame nonsense\n"}));
}

}  // namespace
}  // namespace passthrough
