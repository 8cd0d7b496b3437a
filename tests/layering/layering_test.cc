// The rooms of the project: nothing includes what is above it, and the picture in docs/architecture.md is true.
#include "tests/layering/layering.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

const fs::path kRoot = PASSTHROUGH_SOURCE_DIR;

TEST(LayeringTest, NothingIncludesWhatIsAboveIt) {
  const Layering layering = ReadLayering(kRoot, kRoot / "CMakeLists.txt");
  EXPECT_THAT(LayeringProblems(layering, kRoot), IsEmpty());
}

TEST(LayeringTest, ThePictureInTheArchitectureIsTrue) {
  const Layering layering = ReadLayering(kRoot, kRoot / "CMakeLists.txt");
  const std::string picture = "```mermaid\n" + MermaidOf(layering) + "```\n";
  const bool is_there = ReadFile(kRoot / "docs" / "architecture.md").find(picture) != std::string::npos;
  EXPECT_TRUE(is_there) << "docs/architecture.md shows another picture than this one:\n" << picture;
}

TEST(LayeringTest, EachRoomHasALineInTheArchitecture) {
  const Layering layering = ReadLayering(kRoot, kRoot / "CMakeLists.txt");
  const std::string text = ReadFile(kRoot / "docs" / "architecture.md");
  for (const std::string& room : layering.rooms) {
    EXPECT_THAT(text, HasSubstr(fmt::format("| `{}` | ", room)));
  }
}

// The limit of a room is 2,500 lines: above that it holds a second concern. The lab is a program of its own.
TEST(LayeringTest, NoRoomIsTooLarge) {
  const Layering layering = ReadLayering(kRoot, kRoot / "CMakeLists.txt");
  for (const auto& [room, lines] : layering.lines) {
    if (!room.starts_with("lab/")) {
      EXPECT_LE(lines, 2500u) << room;
    }
  }
}

class PlantedLayeringTest : public testing::Test {
 protected:
  PlantedLayeringTest() {
    Write("CMakeLists.txt", "foreach(room\n    helpers/low helpers/middle\n    helpers/high)\nendforeach()\n");
    Write("helpers/low/low.h", "#pragma once\n");
    Write("helpers/middle/middle.cc", "#include <string>\n\n#include \"helpers/low/low.h\"\n");
    Write("helpers/high/high.cc", "#include \"helpers/low/low.h\"\n#include \"helpers/middle/middle.h\"\n");
  }
  void Write(const std::string& file, const std::string& text) {
    fs::create_directories((root_.path() / file).parent_path());
    WriteFile(root_.path() / file, text);
  }
  Layering Read() const { return ReadLayering(root_.path(), root_.path() / "CMakeLists.txt"); }
  std::vector<std::string> Problems() const { return LayeringProblems(Read(), root_.path()); }

 private:
  TemporaryDirectory root_{"layering"};
};

TEST_F(PlantedLayeringTest, LayersThatHoldHaveNoProblem) { EXPECT_THAT(Problems(), IsEmpty()); }

TEST_F(PlantedLayeringTest, AnIncludeThatPointsUpIsFound) {
  Write("helpers/low/upward.cc", "\n#include \"helpers/high/high.h\"\n");
  EXPECT_THAT(Problems(), Contains("helpers/low/upward.cc:2: helpers/low includes a header of helpers/high, which is a "
                                   "layer above it"));
}

TEST_F(PlantedLayeringTest, ACircleIsFound) {
  Write("helpers/low/upward.cc", "#include \"helpers/high/high.h\"\n");
  EXPECT_THAT(Problems(), Contains("a circle: helpers/low -> helpers/high -> helpers/low"));
}

TEST_F(PlantedLayeringTest, AFolderThatIsNoRoomIsFound) {
  Write("helpers/cellar/old.cc", "\n");
  EXPECT_THAT(Problems(),
              ElementsAre("helpers/cellar has sources, and the list of rooms in CMakeLists.txt does not name it"));
}

TEST_F(PlantedLayeringTest, AnIncludeOfWhatIsNoRoomIsFound) {
  Write("helpers/high/test.cc", "#include \"tests/run/guest.h\"\n");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("includes a header of tests/run, which is no room")));
}

TEST_F(PlantedLayeringTest, ThePictureLeavesOutWhatOthersImply) {
  EXPECT_EQ(MermaidOf(Read()),
            "flowchart BT\n"
            "  helpers_low[\"helpers/low\"]\n"
            "  helpers_middle[\"helpers/middle\"]\n"
            "  helpers_high[\"helpers/high\"]\n"
            "  helpers_middle --> helpers_low\n"
            "  helpers_high --> helpers_middle\n");
}

}  // namespace
}  // namespace passthrough
