// What the documents say: their fenced blocks, the commands in them, code spans and links.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

struct FencedBlock {
  std::string info;  // what stands behind the fence: "sh", "sh on a real host", "yaml"
  std::string text;
  int line = 0;       // of its first line, from 1
  bool shown = true;  // false: in an HTML comment, for tests alone
  std::string under;  // the heading of the second level (##) before it
};

struct Document {
  std::filesystem::path path;
  std::vector<FencedBlock> blocks;
  std::vector<std::string> spans;                     // `in backquotes`, outside of blocks
  std::vector<std::string> links;                     // [of](these)
  std::vector<std::string> headings;                  // without the #
  std::vector<std::vector<std::string>> table_spans;  // of each row of a table, the spans of its first cell
};

// One command of a block: its program and what stands behind it, quotes and comments taken off.
struct DocumentedCommand {
  std::vector<std::string> words;
  std::string where;  // README.md:12
};

Document ReadDocument(const std::filesystem::path& path);
// README.md and docs/*.md.
std::vector<Document> ProjectDocuments();

// The commands of all blocks of shell: "sh" whole, of "console" what follows "$ ".
std::vector<DocumentedCommand> CommandsOf(const Document& document);
// Those of one piece of shell.
std::vector<DocumentedCommand> CommandsOf(const std::string& shell, const std::string& where);

}  // namespace passthrough
