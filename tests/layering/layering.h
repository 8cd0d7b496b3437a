// Which room's sources include whose headers, and what is wrong with that.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace passthrough {

// Folders with headers and sources, each one concern, in the order of the layers: a room may include headers of rooms
// before it alone.
struct Layering {
  std::vector<std::string> rooms;                     // "helpers/base", the lowest first
  std::map<std::string, std::set<std::string>> uses;  // by room: the other rooms whose headers it includes
  std::map<std::string, std::string> example;         // by "room -> room": "helpers/run/collect.cc:12"
  std::map<std::string, size_t> lines;                // of each room's sources
};

// The rooms that the list in `cmake_lists` names (foreach(room …)), read from the sources below `root`. Throws Error
// where the list is not found.
Layering ReadLayering(const std::filesystem::path& root, const std::filesystem::path& cmake_lists);

// A sentence for each arrow that points up, for each circle, and for each folder with sources below helpers/ that is no
// room; empty where the layers hold.
std::vector<std::string> LayeringProblems(const Layering& layering, const std::filesystem::path& root);

// The rooms and their arrows as a Mermaid flowchart. Arrows that others imply are left out.
std::string MermaidOf(const Layering& layering);

}  // namespace passthrough
