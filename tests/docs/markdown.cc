#include "tests/docs/markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> AllMatches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

void ReadProse(const std::string& line, Document& document) {
  for (auto& span : AllMatches(line, "`([^`]+)`")) document.spans.push_back(span);
  for (auto& link : AllMatches(line, "\\]\\(([^)]+)\\)")) document.links.push_back(link);
  if (line.starts_with("#")) document.headings.emplace_back(Trim(line.substr(line.find_first_not_of('#'))));
  if (line.starts_with("| ")) {
    document.table_spans.push_back(AllMatches(line.substr(0, line.find(" | ")), "`([^`]+)`"));
  }
}

// The words of one line of shell as far as the documents need it: quotes taken off, a command in a command or
// behind a pipe begins anew (an empty word stands between).
std::vector<std::string> WordsOf(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  const auto end_word = [&] {
    if (in_word) words.push_back(word);
    word.clear();
    in_word = false;
  };
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\'' || (quote == '"' && c != '"' && line.compare(i, 2, "$(") != 0)) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (quote == '"' && c == '"') {
      quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (line.compare(i, 2, "$(") == 0 || c == '|' || c == ';' || c == '&' || c == '(' || c == ')') {
      quote = 0;
      end_word();
      words.emplace_back();
      if (c == '$') ++i;
    } else if (c == '#' && !in_word) {
      break;
    } else if (c == ' ') {
      end_word();
    } else {
      word += c;
      in_word = true;
    }
  }
  end_word();
  return words;
}

bool IsAssignment(const std::string& word) {
  static const std::regex expression("[A-Za-z_]+=.*");
  return std::regex_match(word, expression);
}

}  // namespace

Document ReadDocument(const fs::path& path) {
  Document document;
  document.path = path;
  const std::string content = ReadFile(path);
  bool in_block = false;
  bool in_comment = false;
  std::string chapter;
  int number = 0;
  for (const std::string_view view : SplitLines(content)) {
    const std::string line(view);
    ++number;
    if (line.starts_with("```")) {
      in_block = !in_block;
      if (in_block) document.blocks.push_back({line.substr(3), "", number + 1, !in_comment, chapter});
    } else if (in_block) {
      document.blocks.back().text += line + "\n";
    } else {
      if (line.starts_with("<!--")) in_comment = true;
      if (line.find("-->") != std::string::npos) in_comment = false;
      if (line.starts_with("## ")) chapter = Trim(line.substr(3));
      ReadProse(line, document);
    }
  }
  return document;
}

std::vector<Document> ProjectDocuments() {
  const fs::path source = PASSTHROUGH_SOURCE_DIR;
  std::vector<Document> documents{ReadDocument(source / "README.md")};
  for (const auto& entry : fs::directory_iterator(source / "docs")) {
    if (entry.path().extension() == ".md") documents.push_back(ReadDocument(entry.path()));
  }
  return documents;
}

std::vector<DocumentedCommand> CommandsOf(const std::string& shell, const std::string& where) {
  std::vector<DocumentedCommand> commands;
  std::string joined = std::regex_replace(shell, std::regex("\\\\\n"), " ");
  for (const std::string_view line : SplitLines(joined)) {
    DocumentedCommand command{{}, where};
    std::vector<std::string> words = WordsOf(std::string(line));
    words.emplace_back();
    for (const std::string& word : words) {
      static const std::vector<std::string> keywords{"while", "do", "if", "then", "until", "for", "!", "exec"};
      const bool at_start = command.words.empty();
      if (word.empty()) {
        if (!at_start) commands.push_back(command);
        command.words.clear();
      } else if (!at_start ||
                 (!IsAssignment(word) && std::find(keywords.begin(), keywords.end(), word) == keywords.end())) {
        command.words.push_back(word);
      }
    }
  }
  return commands;
}

std::vector<DocumentedCommand> CommandsOf(const Document& document) {
  std::vector<DocumentedCommand> commands;
  for (const FencedBlock& block : document.blocks) {
    std::string shell;
    if (block.info == "sh" || block.info.starts_with("sh ")) shell = block.text;
    if (block.info == "console") {
      for (const std::string_view line : SplitLines(block.text)) {
        if (line.starts_with("$ ")) shell += std::string(line.substr(2)) + "\n";
      }
    }
    const std::string where = fmt::format("{}:{}", document.path.filename().string(), block.line);
    for (auto& command : CommandsOf(shell, where)) commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace passthrough
