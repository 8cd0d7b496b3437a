#include "helpers/health/log_findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostOfALine = 300;  // bytes of a line that a message shows
constexpr size_t kMostFindings = 20;

}  // namespace

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& one : lower) {
    if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
  }
  return lower;
}

bool Says(std::string_view lower, std::string_view phrase) {
  size_t from = 0;
  while (true) {
    const size_t star = phrase.find('*');
    const std::string_view part = phrase.substr(0, star);
    const size_t at = lower.find(part, from);
    if (at == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    from = at + part.size();
    phrase.remove_prefix(star + 1);
  }
}

bool SaysAny(std::string_view lower, std::span<const std::string_view> phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view one) { return Says(lower, one); });
}

const LogPhrase* FindPhrase(std::string_view lower, std::span<const LogPhrase> phrases) {
  const auto found =
      std::find_if(phrases.begin(), phrases.end(), [&](const LogPhrase& one) { return Says(lower, one.phrase); });
  return found == phrases.end() ? nullptr : &*found;
}

std::string QuoteLine(std::string_view text) { return fmt::format("\"{}\"", Trim(text).substr(0, kMostOfALine)); }

void LogFindings::Add(const std::string& key, const KernelLogLine& line, std::string found, std::string_view advice,
                      bool note) {
  const auto [entry, is_new] = index_.emplace(key, findings_.size());
  if (is_new) {
    findings_.push_back({std::move(found), log_.At(line.line), std::string(advice), note});
    counts_.push_back(0);
  }
  ++counts_[entry->second];
}

Findings LogFindings::Take() {
  for (size_t i = 0; i < findings_.size(); ++i) {
    if (counts_[i] > 1) findings_[i].found += fmt::format(", {} times", counts_[i]);
  }
  std::stable_partition(findings_.begin(), findings_.end(), [](const Finding& one) { return !one.note; });
  if (findings_.size() > kMostFindings) findings_.resize(kMostFindings);
  return std::move(findings_);
}

void LogFindings::AddLine(const KernelLogLine& line, std::string_view advice, bool note) {
  Add(line.text, line, "the kernel log says " + QuoteLine(line.text), advice, note);
}

Findings LinesWith(const KernelLog& log, std::span<const LogPhrase> phrases, const LinePredicate& wanted) {
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    const LogPhrase* phrase = FindPhrase(LowerCase(line.text), phrases);
    if (phrase == nullptr || !wanted(line.text)) continue;
    findings.AddLine(line, phrase->advice, phrase->note);
  }
  return findings.Take();
}

}  // namespace passthrough
