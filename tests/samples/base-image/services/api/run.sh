#!/usr/bin/perl
# Says to everybody who connects what time it is.
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };
my $server = IO::Socket::INET->new(LocalPort => 9000, Listen => 9, ReuseAddr => 1) or die "port 9000: $!";
while (1) {
  my $client = $server->accept or next;
  print $client scalar(localtime), "\n";
  close $client;
}
