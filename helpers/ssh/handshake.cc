#include "helpers/ssh/handshake.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "helpers/base/text.h"
#include "helpers/ssh/private_key.h"
#include "helpers/ssh/ssh_errors.h"

namespace passthrough {
namespace {

// One handshake, a step a function.
class Handshaker {
 public:
  Handshaker(const SshAccount& account, HostKeys& host_keys, const Deadline& deadline)
      : account_(account), name_(AccountName(account)), host_keys_(host_keys), deadline_(deadline) {}

  SessionHandle Run(Descriptor stream) {
    LoadKey();
    Create();
    ExchangeKeys(std::move(stream));
    CheckHostKey();
    Authenticate();
    return std::move(session_);
  }

 private:
  void LoadKey() {
    if (account_.key.empty()) {
      if (std::getenv("SSH_AUTH_SOCK") != nullptr) return;
      throw SshSetupError(
          fmt::format("no way to log in as {}: no key is given, and no agent runs (SSH_AUTH_SOCK is not set)", name_));
    }
    std::string problem;
    key_ = LoadPrivateKey(account_.key, &problem);
    if (key_ == nullptr) throw SshSetupError(problem);
  }

  void Create() {
    // Safe from any thread, and cheap after the first time.
    if (ssh_init() != SSH_OK) throw SshSetupError("libssh cannot be initialised");
    session_.reset(ssh_new());
    if (session_ == nullptr) throw SshSetupError("libssh cannot make a session: out of memory");
    const bool no = false;
    const unsigned port = account_.port;
    // Nothing of the user's may change what a run does: neither ~/.ssh/config nor known_hosts is
    // read or written by libssh.
    Set(SSH_OPTIONS_PROCESS_CONFIG, &no);
    Set(SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    Set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    Set(SSH_OPTIONS_HOST, account_.host.c_str());
    Set(SSH_OPTIONS_PORT, &port);
    Set(SSH_OPTIONS_USER, account_.user.c_str());
    Set(SSH_OPTIONS_HOSTKEYS, HostKeyAlgorithms().c_str());
    ssh_set_blocking(session_.get(), 0);
  }

  void Set(ssh_options_e option, const void* value) {
    if (ssh_options_set(session_.get(), option, value) >= 0) return;
    throw SshSetupError(fmt::format("cannot connect to {}: {}", name_, LastError()));
  }

  // All that libssh 0.10 offers by itself, those of keys that we know of first: a server with keys
  // of several types must show the one that was seen before.
  std::string HostKeyAlgorithms() {
    std::vector<std::string> algorithms = {"ssh-ed25519",         "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp384",
                                           "ecdsa-sha2-nistp256", "rsa-sha2-512",        "rsa-sha2-256"};
    const auto types = host_keys_.KnownTypes(HostName());
    const auto is_known = [&](const std::string& algorithm) {
      const std::string type = algorithm.starts_with("rsa-") ? "ssh-rsa" : algorithm;
      return std::find(types.begin(), types.end(), type) != types.end();
    };
    std::stable_partition(algorithms.begin(), algorithms.end(), is_known);
    std::string list;
    for (const auto& algorithm : algorithms) list += (list.empty() ? "" : ",") + algorithm;
    return list;
  }

  void ExchangeKeys(Descriptor stream) {
    const int fd = stream.get();
    ssh_options_set(session_.get(), SSH_OPTIONS_FD, &fd);
    stream.Release();  // the session closes it from here on
    int outcome;
    while ((outcome = ssh_connect(session_.get())) == SSH_AGAIN) Wait("key exchange");
    if (outcome != SSH_OK) {
      // sshd_config(5): of more connections than that, or after a key that it refused, it closes them at once.
      const bool said_a_word = ssh_get_serverbanner(session_.get()) != nullptr;
      throw SshError(fmt::format("cannot connect to {}: {}{}", name_, LastError(),
                                 said_a_word ? ""
                                             : ". Its SSH server closed the connection without a word: it is not up "
                                               "yet, or its MaxStartups or PerSourcePenalties keep this address out"));
    }
    // libssh made the socket blocking; a peer that does not read could then hold us in send(2).
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  void CheckHostKey() {
    ssh_key key = nullptr;
    char* encoded = nullptr;
    if (ssh_get_server_publickey(session_.get(), &key) != SSH_OK) {
      throw SshError(fmt::format("cannot read the host key of {}: {}", name_, LastError()));
    }
    const KeyHandle owner(key);
    if (ssh_pki_export_pubkey_base64(key, &encoded) != SSH_OK) {
      throw SshError(fmt::format("cannot read the host key of {}", name_));
    }
    const TextHandle text(encoded);
    host_keys_.Accept(HostName(), fmt::format("{} {}", ssh_key_type_to_char(ssh_key_type(key)), encoded));
  }

  void Authenticate() {
    int outcome;
    do {
      outcome = key_ != nullptr ? ssh_userauth_publickey(session_.get(), nullptr, key_.get())
                                : ssh_userauth_agent(session_.get(), nullptr);
      if (outcome == SSH_AUTH_AGAIN) Wait("authentication");
    } while (outcome == SSH_AUTH_AGAIN);
    if (outcome == SSH_AUTH_SUCCESS) return;
    if (outcome == SSH_AUTH_DENIED || outcome == SSH_AUTH_PARTIAL) {
      throw SshRefusedError(fmt::format("permission denied for {}: {}{}", name_, WhatWasRefused(outcome), Banner()));
    }
    throw SshError(fmt::format("authentication of {} failed: {}{}", name_, LastError(), Banner()));
  }

  std::string WhatWasRefused(int outcome) const {
    const std::string key = key_ != nullptr
                                ? fmt::format("the key {} ({})", account_.key.string(), Fingerprint(key_.get()))
                                : "every key of the ssh-agent";
    if (outcome == SSH_AUTH_PARTIAL) {
      return fmt::format("{} was accepted, but the server wants more than a key", key);
    }
    return fmt::format("{} was refused. Is its public half in authorized_keys of {} there?", key, account_.user);
  }

  // What the server wanted to be shown, such as PAM's reason. It may say anything.
  std::string Banner() const {
    const TextHandle banner(ssh_get_issue_banner(session_.get()));
    const std::string_view text = banner != nullptr ? Trim(banner.get()) : std::string_view();
    return text.empty() ? "" : fmt::format(" (the server says: {})", Printable(text.substr(0, 300)));
  }

  void Wait(std::string_view step) {
    const bool write = (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0;
    pollfd source = {ssh_get_fd(session_.get()), static_cast<short>(write ? POLLIN | POLLOUT : POLLIN), 0};
    poll(&source, 1, deadline_.LeftMilliseconds(Deadline::kPollAgain));
    deadline_.Check(fmt::format("connecting to {}: {}", name_, step));
  }

  std::string HostName() const { return KnownHostsName(account_.host, account_.port); }
  std::string LastError() const { return Printable(ssh_get_error(session_.get())); }

  const SshAccount& account_;
  const std::string name_;
  HostKeys& host_keys_;
  const Deadline& deadline_;
  KeyHandle key_;
  SessionHandle session_;
};

}  // namespace

std::string AccountName(const SshAccount& account) {
  const bool has_port = account.port != 22;
  // An IPv6 address has colons of its own (RFC 3986, 3.2.2).
  const bool in_brackets = has_port && account.host.find(':') != std::string::npos;
  const std::string host = in_brackets ? "[" + account.host + "]" : account.host;
  const std::string name = account.user.empty() ? host : account.user + "@" + host;
  return has_port ? fmt::format("{}:{}", name, account.port) : name;
}

SessionHandle Handshake(Descriptor stream, const SshAccount& account, HostKeys& host_keys, const Deadline& deadline) {
  return Handshaker(account, host_keys, deadline).Run(std::move(stream));
}

}  // namespace passthrough
