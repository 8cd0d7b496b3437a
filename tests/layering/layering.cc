#include "tests/layering/layering.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <regex>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

std::string Arrow(const std::string& from, const std::string& to) { return from + " -> " + to; }

bool IsSource(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".h" || extension == ".cc" || extension == ".c";
}

std::vector<fs::path> SourcesIn(const fs::path& folder) {
  std::vector<fs::path> sources;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_regular_file() && IsSource(entry.path())) sources.push_back(entry.path());
  }
  std::sort(sources.begin(), sources.end());
  return sources;
}

// The folder of `#include "folder/header.h"`; empty for any other line, and for a header beside the source.
std::string IncludedFolder(std::string_view line) {
  constexpr std::string_view kInclude = "#include \"";
  if (!line.starts_with(kInclude)) return {};
  line.remove_prefix(kInclude.size());
  const std::string_view header = line.substr(0, line.find('"'));
  const size_t slash = header.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(header.substr(0, slash));
}

void ReadRoom(const fs::path& root, const std::string& room, Layering& layering) {
  for (const fs::path& file : SourcesIn(root / room)) {
    const std::string text = ReadFile(file);
    size_t number = 0;
    for (const std::string_view line : SplitLines(text)) {
      ++number;
      const std::string folder = IncludedFolder(line);
      if (folder.empty() || folder == room) continue;
      layering.uses[room].insert(folder);
      layering.example.emplace(Arrow(room, folder), fmt::format("{}/{}:{}", room, file.filename().string(), number));
    }
    layering.lines[room] += number;
  }
}

// Every way from `room` back to itself through rooms that were not reported yet, as "a -> b -> a".
void FindCircles(const Layering& layering, std::vector<std::string>& problems) {
  std::set<std::string> done;
  std::vector<std::string> path;
  const std::function<void(const std::string&)> visit = [&](const std::string& room) {
    const auto on_path = std::find(path.begin(), path.end(), room);
    if (on_path != path.end()) {
      const std::vector<std::string> circle(on_path, path.end());
      problems.push_back(fmt::format("a circle: {} -> {}", fmt::join(circle, " -> "), room));
      return;
    }
    if (done.contains(room)) return;
    path.push_back(room);
    if (const auto uses = layering.uses.find(room); uses != layering.uses.end()) {
      for (const std::string& used : uses->second) visit(used);
    }
    path.pop_back();
    done.insert(room);
  };
  for (const std::string& room : layering.rooms) visit(room);
}

// Whether `to` is reached from `from` other than straight.
bool IsImplied(const Layering& layering, const std::string& from, const std::string& to) {
  const std::function<bool(const std::string&)> reaches = [&](const std::string& room) {
    if (room == to) return true;
    const auto uses = layering.uses.find(room);
    return uses != layering.uses.end() && std::any_of(uses->second.begin(), uses->second.end(), reaches);
  };
  const std::set<std::string>& uses = layering.uses.at(from);
  return std::any_of(uses.begin(), uses.end(), [&](const std::string& used) { return used != to && reaches(used); });
}

std::string NodeId(std::string room) {
  std::replace(room.begin(), room.end(), '/', '_');
  return room;
}

}  // namespace

Layering ReadLayering(const fs::path& root, const fs::path& cmake_lists) {
  const std::string text = ReadFile(cmake_lists);
  std::smatch list;
  if (!std::regex_search(text, list, std::regex(R"(foreach\(room([^)]*)\))"))) {
    throw Error(fmt::format("{} has no foreach(room …) that lists the rooms", cmake_lists.string()));
  }
  Layering layering;
  const std::regex word(R"(\S+)");
  const std::string names = list[1].str();
  for (std::sregex_iterator at(names.begin(), names.end(), word), end; at != end; ++at) {
    layering.rooms.push_back(at->str());
  }
  for (const std::string& room : layering.rooms) ReadRoom(root, room, layering);
  return layering;
}

std::vector<std::string> LayeringProblems(const Layering& layering, const fs::path& root) {
  std::vector<std::string> problems;
  const auto layer = [&](const std::string& room) {
    return std::find(layering.rooms.begin(), layering.rooms.end(), room) - layering.rooms.begin();
  };
  for (const std::string& room : layering.rooms) {
    const auto uses = layering.uses.find(room);
    if (uses == layering.uses.end()) continue;
    for (const std::string& used : uses->second) {
      if (layer(used) < layer(room)) continue;
      const std::string where = layering.example.at(Arrow(room, used));
      const bool is_room = layer(used) < static_cast<std::ptrdiff_t>(layering.rooms.size());
      problems.push_back(
          is_room ? fmt::format("{}: {} includes a header of {}, which is a layer above it", where, room, used)
                  : fmt::format("{}: {} includes a header of {}, which is no room", where, room, used));
    }
  }
  FindCircles(layering, problems);
  std::error_code error;
  for (fs::recursive_directory_iterator at(root / "helpers", error), end; !error && at != end; at.increment(error)) {
    const std::string folder = at->path().lexically_relative(root).string();
    if (!at->is_directory() || SourcesIn(at->path()).empty()) continue;
    if (std::count(layering.rooms.begin(), layering.rooms.end(), folder) == 0) {
      problems.push_back(folder + " has sources, and the list of rooms in CMakeLists.txt does not name it");
    }
  }
  return problems;
}

std::string MermaidOf(const Layering& layering) {
  std::string picture = "flowchart BT\n";
  for (const std::string& room : layering.rooms) {
    picture += fmt::format("  {}[\"{}\"]\n", NodeId(room), room);
  }
  for (const std::string& room : layering.rooms) {
    const auto uses = layering.uses.find(room);
    if (uses == layering.uses.end()) continue;
    for (const std::string& used : uses->second) {
      if (!IsImplied(layering, room, used)) picture += fmt::format("  {} --> {}\n", NodeId(room), NodeId(used));
    }
  }
  return picture;
}

}  // namespace passthrough
