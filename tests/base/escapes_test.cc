#include "helpers/base/escapes.h"

#include <gtest/gtest.h>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

TEST(EscapesTest, ColoursAndCursorsAreTakenOut) {
  EXPECT_EQ(WithoutEscapes("\x1b[32m✓\x1b[0m started"), "✓ started");
  EXPECT_EQ(WithoutEscapes("\x1b[1;38;5;196merror\x1b[m"), "error");
  EXPECT_EQ(WithoutEscapes("\x1b[2K\x1b[?25lworking\x1b[?25h"), "working");
  EXPECT_EQ(WithoutEscapes("a\x1b(Bb\x1b"
                           "7c"),
            "abc");
}

TEST(EscapesTest, LinksAndTitlesAreTakenOutUpToTheirEnd) {
  EXPECT_EQ(WithoutEscapes("\x1b]0;title\a"
                           "text"),
            "text");
  EXPECT_EQ(WithoutEscapes("\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\"), "here");
}

TEST(EscapesTest, WhatIsNoSequenceStaysAndIsMadeVisible) {
  EXPECT_EQ(WithoutEscapes("plain\n"), "plain\n");
  EXPECT_EQ(WithoutEscapes(""), "");
  EXPECT_EQ(WithoutEscapes("cut \x1b[3"), "cut \x1b[3");
  EXPECT_EQ(WithoutEscapes("\x1b]0;no end\nnext line"), "\x1b]0;no end\nnext line") << "a line is not eaten";
  EXPECT_EQ(Printable(WithoutEscapes("\x1b")), "\\x1b");
}

}  // namespace
}  // namespace passthrough
