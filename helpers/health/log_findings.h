// Gathers findings from lines of a kernel log, for the checks of health: classes of lines as tables of phrases, and
// equal lines as one finding.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/health/finding.h"
#include "helpers/parsers/kernel_log.h"

namespace passthrough {

// Takes the line's text as it is.
using LinePredicate = std::function<bool(std::string_view)>;

// A class of lines, and what to do about it. `phrase` is in lower case, for case does not count: kernels and drivers
// changed it between releases. A '*' stands for any text: "pciehp*link down".
struct LogPhrase {
  std::string_view phrase;
  std::string_view advice = {};
  bool note = false;  // not a fault by itself
};

// `text` with A to Z in lower case, as phrases are.
std::string LowerCase(std::string_view text);

// Whether a text in lower case has `phrase`.
bool Says(std::string_view lower, std::string_view phrase);
bool SaysAny(std::string_view lower, std::span<const std::string_view> phrases);
// The first of `phrases` that a text in lower case has; nullptr: none.
const LogPhrase* FindPhrase(std::string_view lower, std::span<const LogPhrase> phrases);

// The line in quotation marks, as much of it as a message shows.
std::string QuoteLine(std::string_view text);

// At most 20 findings; notes come last, so that they never push out a fault.
class LogFindings {
 public:
  // `log` outlives this.
  explicit LogFindings(const KernelLog& log) : log_(log) {}

  // Lines with the same `key` become one finding, at the first of them, with how often they came.
  void Add(const std::string& key, const KernelLogLine& line, std::string found, std::string_view advice,
           bool note = false);
  // "the kernel log says "…"", by the line's text.
  void AddLine(const KernelLogLine& line, std::string_view advice, bool note = false);
  Findings Take();

 private:
  const KernelLog& log_;
  std::map<std::string, size_t> index_;
  Findings findings_;
  std::vector<size_t> counts_;
};

// Lines that `wanted` accepts and that have one of `phrases`; the first phrase that fits gives the advice.
Findings LinesWith(const KernelLog& log, std::span<const LogPhrase> phrases, const LinePredicate& wanted);

}  // namespace passthrough
