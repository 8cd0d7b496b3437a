#include "helpers/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TextTest, SplitsLines) {
  EXPECT_THAT(SplitLines(""), IsEmpty());
  EXPECT_THAT(SplitLines("a\r\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(SplitLines("a\n"), ElementsAre("a"));
}

TEST(TextTest, SplitsWordsAndTrims) {
  EXPECT_THAT(SplitWords("  a\t b "), ElementsAre("a", "b"));
  EXPECT_THAT(SplitWords(" \t"), IsEmpty());
  EXPECT_EQ(Trim(" \n a b\r\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
}

TEST(TextTest, MakesWhatSteersATerminalVisible) {
  EXPECT_EQ(Printable("plain\ttext\n"), "plain\ttext\n");
  EXPECT_EQ(Printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(Printable("a\rb\x7f"), "a\\x0db\\x7f");
  EXPECT_EQ(Printable(std::string_view("nul\0", 4)), "nul\\x00");
}

TEST(TextTest, KeepsValidUtf8AndEscapesTheRest) {
  EXPECT_EQ(Printable("50 °C, \xf0\x9f\x99\x82"), "50 °C, \xf0\x9f\x99\x82");
  EXPECT_EQ(Printable("\xc2"), "\\xc2");                             // cut short
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong '/'
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");                               // CSI as a C1 control
  EXPECT_EQ(Printable("\xef\xbf\xbf"), "\\xef\\xbf\\xbf");  // not a character of XML 1.0
}

TEST(TextTest, EscapesWhatReordersTheWordsAroundIt) {
  EXPECT_EQ(Printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xaeb");                           // U+202E, right-to-left override
  EXPECT_EQ(Printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");  // U+2066, an isolate
  EXPECT_EQ(Printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");  // U+2028, a line separator
  EXPECT_EQ(Printable("\xef\xbb\xbf"
                      "a"),
            "\\xef\\xbb\\xbf"
            "a");                              // a byte order mark
  EXPECT_EQ(Printable("… – “a”"), "… – “a”");  // their neighbours
}

TEST(TextTest, ShortensOnlyWhatIsLonger) {
  EXPECT_EQ(Shortened("abc", 3), "abc");
  EXPECT_EQ(Shortened("abcdef", 3), "abc… (3 bytes more)");
  EXPECT_EQ(Shortened("ab°d", 3), "ab… (3 bytes more)");  // '°' has two bytes
  EXPECT_EQ(Shortened("\x80\x80\x80\x80\x80\x80\x80\x80", 5).size(), Shortened("aaaaaaaa", 2).size());
}

TEST(TextTest, LastLines) {
  EXPECT_EQ(LastLines("a\nb\nc\n", 2), "b\nc");
  EXPECT_EQ(LastLines("a", 2), "a");
}

TEST(TextTest, ReadsAsPeopleWrite) {
  EXPECT_EQ(JoinForHumans({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(JoinForHumans({"a"}), "a");
  EXPECT_EQ(HumanSeconds(3.21), "3.2 s");
  EXPECT_EQ(HumanSeconds(9.99), "10 s");
  EXPECT_EQ(HumanSeconds(64), "1 min 4 s");
  EXPECT_EQ(Count(1, "node"), "1 node");
  EXPECT_EQ(Count(0, "node"), "0 nodes");
}

}  // namespace
}  // namespace passthrough
