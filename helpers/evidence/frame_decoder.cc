#include "helpers/evidence/frame_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostLine = 512;
constexpr size_t kMostPreface = 64u << 10;
constexpr size_t kKeptPreface = 2u << 10;
constexpr uint64_t kMostMilliseconds = 1'000'000'000;

std::optional<uint64_t> ReadNumber(std::string_view word, uint64_t most) {
  uint64_t value = 0;
  const char* end = word.data() + word.size();
  auto [rest, error] = std::from_chars(word.data(), end, value);
  if (word.empty() || error != std::errc() || rest != end || value > most) return std::nullopt;
  return value;
}

// The words of a frame's header after "@frame NONCE PROBE".
struct Header {
  uint64_t number = 0, milliseconds = 0, text = 0, errors = 0, text_cut = 0, errors_cut = 0;
};

std::optional<Header> ReadHeader(const std::vector<std::string_view>& words) {
  if (words.size() != 10) return std::nullopt;
  auto number = ReadNumber(words[4], 100'000);
  auto milliseconds = ReadNumber(words[5], kMostMilliseconds);
  auto text = ReadNumber(words[6], kMostProbeOutput);
  auto errors = ReadNumber(words[7], kMostProbeErrors);
  auto text_cut = ReadNumber(words[8], 1);
  auto errors_cut = ReadNumber(words[9], 1);
  if (!number || !milliseconds || !text || !errors || !text_cut || !errors_cut) return std::nullopt;
  return Header{*number, *milliseconds, *text, *errors, *text_cut, *errors_cut};
}

bool SetEnding(std::string_view how, uint64_t number, ProbeOutput* output) {
  int value = static_cast<int>(number);
  if (how == "exit" && value <= 255) {
    output->exit_status = value;
  } else if (how == "signal" && value >= 1 && value <= 64) {
    output->signal = value;
  } else if (how == "timeout") {
    output->timed_out = true;
    output->limit_seconds = value;
  } else if (how == "skipped" && value == 0) {
    output->skipped = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

FrameDecoder::FrameDecoder(std::string nonce, std::vector<std::string> probes)
    : nonce_(std::move(nonce)), probes_(std::move(probes)) {}

size_t FrameDecoder::MostBytes() const {
  return kMostPreface + (probes_.size() + 2) * kMostLine + probes_.size() * (kMostProbeOutput + kMostProbeErrors);
}

void FrameDecoder::Move(std::string_view* bytes, size_t* wanted, std::string* to) {
  size_t count = std::min(bytes->size(), *wanted);
  to->append(bytes->substr(0, count));
  bytes->remove_prefix(count);
  *wanted -= count;
}

void FrameDecoder::Feed(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::kDone && state_ != State::kBroken) {
    size_t before = bytes.size();
    if (state_ == State::kText) {
      Move(&bytes, &text_wanted_, &outputs_.back().text);
    } else if (state_ == State::kErrors) {
      Move(&bytes, &errors_wanted_, &outputs_.back().error_text);
    } else {
      size_t room = kMostLine - line_.size();
      size_t end = bytes.substr(0, room).find('\n');
      line_.append(bytes.substr(0, std::min(end, room)));
      bytes.remove_prefix(end == std::string_view::npos ? std::min(room, bytes.size()) : end + 1);
      // A line too long for a header can only be something else's.
      if (end != std::string_view::npos || line_.size() == kMostLine) TakeLine();
    }
    offset_ += before - bytes.size();
    if (state_ == State::kText && text_wanted_ == 0) state_ = State::kErrors;
    if (state_ == State::kErrors && errors_wanted_ == 0) state_ = State::kFrameEnd;
  }
}

void FrameDecoder::TakeLine() {
  std::string line = std::exchange(line_, {});
  std::vector<std::string_view> words = SplitWords(line);
  if (state_ == State::kPreface) {
    if (line == "@begin " + nonce_ + " 1") {
      state_ = State::kHeader;
      return;
    }
    preface_bytes_ += line.size() + 1;
    if (preface_.size() < kKeptPreface) {
      preface_ += line.substr(0, kKeptPreface - preface_.size()) + "\n";
    }
    if (preface_bytes_ > kMostPreface) Break("64 KiB of something else came before the first probe");
  } else if (state_ == State::kFrameEnd) {
    if (!line.empty()) {
      Break(fmt::format("probe {}'s output is longer than its header says", outputs_.back().probe));
      return;
    }
    outputs_.back().complete = true;
    state_ = State::kHeader;
  } else if (words.size() >= 2 && words[0] == "@frame" && words[1] == nonce_) {
    TakeHeader(words);
  } else if (words.size() >= 2 && words[0] == "@end" && words[1] == nonce_) {
    TakeEnd(words);
  } else {
    Break(fmt::format("expected a probe's header, found \"{}\"", Printable(line.substr(0, 200))));
  }
}

void FrameDecoder::TakeHeader(const std::vector<std::string_view>& words) {
  std::optional<Header> header = ReadHeader(words);
  ProbeOutput output;
  if (!header || !SetEnding(words[3], header->number, &output)) {
    Break(fmt::format("a probe's header cannot be read: \"{}\"", Printable(fmt::format("{}", fmt::join(words, " ")))));
    return;
  }
  if (outputs_.size() >= probes_.size() || words[2] != probes_[outputs_.size()]) {
    Break(fmt::format("the output of probe \"{}\" was not expected here", Printable(words[2])));
    return;
  }
  output.probe = words[2];
  output.seconds = static_cast<double>(header->milliseconds) / 1000;
  output.truncated = header->text_cut != 0;
  text_wanted_ = header->text;
  errors_wanted_ = header->errors;
  outputs_.push_back(std::move(output));
  state_ = State::kText;
}

void FrameDecoder::TakeEnd(const std::vector<std::string_view>& words) {
  auto count = words.size() == 3 ? ReadNumber(words[2], probes_.size()) : std::nullopt;
  if (!count || *count != outputs_.size() || outputs_.size() != probes_.size()) {
    Break(fmt::format("it ended with {} of {} probes", outputs_.size(), probes_.size()));
    return;
  }
  state_ = State::kDone;
}

void FrameDecoder::Break(const std::string& problem) {
  problem_ = fmt::format("what the node sent cannot be understood at byte {}: {}", offset_, problem);
  state_ = State::kBroken;
}

std::string FrameDecoder::Progress() const {
  if (outputs_.empty()) return "before the first probe";
  const ProbeOutput& last = outputs_.back();
  return last.complete ? fmt::format("after probe {}", last.probe)
                       : fmt::format("in the middle of probe {}'s output", last.probe);
}

std::vector<ProbeOutput> FrameDecoder::TakeOutputs() { return std::move(outputs_); }

}  // namespace passthrough
