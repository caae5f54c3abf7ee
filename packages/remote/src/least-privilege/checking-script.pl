#!/usr/bin/perl -T
# Lifeboat: what its SSH key may do on this host. Made by 'lifeboat host setup'; make it again after the sources changed.
#
# sshd runs this in the place of whatever the key's holder asks for (command="..." in authorized_keys). It takes apart the
# command line that was asked for, compares it with the few that reading backups needs, and runs that program without any
# shell. Path names on its input are checked one by one, lines for databases too. It writes no file.
#
# Limits: between the check of a folder and its reading, somebody who may write below the listed paths on this host can
# put a symbolic link in its place; with the key as well, at a time of his choosing. Hard links cannot be told from files. What is excluded from the backup can be read too.
# Whoever holds the key can make this host read until its disk is busy, and can end the programs that this script has started.
use strict;
use warnings;
use Errno qw(EINTR EAGAIN);
use POSIX ();

my $self = @SELF@;
my $use_sudo = @SUDO@;
# Paths that are backed up; everything below them may be read.
my @paths = (@PATHS@);
# The scripts that start a program, each with the variable that it reads from its input ('' for none) and whether it is nice.
my @starts = (@STARTS@);
# Words of a command, joined by NUL; how its input is checked ('' for no input); whether it may run with sudo.
my @commands = (@COMMANDS@);
# Lines that databases are asked, exactly; and those that count the rows of a table. About ranges of a file: how much is known, questions.
my %lines = (@LINES@);
my %counts = (
    psql    => qr/\Aselect count\(\*\) from (?:[a-z_][a-z0-9_\$]*|"(?:[^"\0\n]|"")+")\.(?:[a-z_][a-z0-9_\$]*|"(?:[^"\0\n]|"")+");\z/,
    ranges  => qr/\A(?:[0-9]{1,16}|[hpr] [0-9]{1,16} [0-9]{1,16})\z/,
    sqlite3 => qr/\Aselect count\(\*\) from "(?:[^"\0\n]|"")+";\z/,
);

# Folders that were looked at and are folders, for what came in one piece; the program's status, as soon as it is known.
my (%folders, $ended);

refuse('root runs only the command that it is given') if $> == 0 && defined $ENV{SUDO_UID} && @ARGV != 1;
my $asked = @ARGV == 1 && $> == 0 ? $ARGV[0] : $ENV{SSH_ORIGINAL_COMMAND};
my $home = (getpwuid($>))[7];
%ENV = (PATH => '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL => 'C', HOME => defined $home ? $home : '/');
# What sudo lets this account run here, for the command that asks sudo.
$ENV{LIFEBOAT_SUDO} = $self if $use_sudo;
chdir '/' or refuse('there is no root folder');
umask 077;
$| = 1;
binmode STDIN;
binmode STDOUT;

refuse('this key opens no shell') if !defined $asked || $asked eq '';
my @words = split_words($asked);
stop_program($words[2]) if @words == 3 && $words[0] eq 'kill' && $words[1] eq '-TERM' && $words[2] =~ /\A[1-9][0-9]{0,9}\z/;

# exec sh -c SCRIPT lifeboat PROGRAM ARGUMENT...
refuse('this is no command of Lifeboat')
    unless @words > 5 && $words[0] eq 'exec' && $words[1] eq 'sh' && $words[2] eq '-c' && $words[4] eq 'lifeboat';
my ($start) = grep { $words[3] eq $_->[0] } @starts;
refuse('this is no way in which Lifeboat starts a program') unless $start;
splice @words, 0, 5;

my $with_sudo = @words > 3 && $words[0] eq 'sudo' && $words[1] eq '-n' && $words[2] eq '--';
splice @words, 0, 3 if $with_sudo;
my $line = join("\0", @words);
my ($command) = grep { $line =~ $_->[0] } @commands;
refuse("$words[0] with these arguments is not allowed") unless $command;
if ($with_sudo) {
    refuse("$words[0] is not allowed with sudo") unless $use_sudo && $command->[2];
    become_root() if $> != 0;
}
elsif (@ARGV) { refuse('only what asks for sudo runs as root') }
check_arguments($line, $command->[0]);
# All of it was compared with what is allowed: perl may pass it on (-T).
@words = map { /\A(.*)\z/s ? $1 : () } @words;

$SIG{PIPE} = 'IGNORE';
syswrite STDOUT, "\0lifeboat-start $$\0";
if ($start->[1] ne '') {
    my $value = '';
    my $byte;
    while (sysread(STDIN, $byte, 1)) {
        last if $byte eq "\n";
        $value .= $byte;
        refuse('the value of a variable has no end') if length $value > 8192;
    }
    $ENV{$start->[1]} = $value;
}
run_program($command->[1], $start->[2]);

# Words as Lifeboat quotes them: bare, or in single quotes with \' and \\ outside of them. Everything else is refused, not guessed.
sub split_words {
    my ($text) = @_;
    my @found;
    pos($text) = 0;
    while (1) {
        my ($word, $parts) = ('', 0);
        while ($text =~ /\G(?:([A-Za-z0-9_\/.:,+\@%-]+)|'([^']*)'|\\(['\\]))/gc) {
            $word .= defined $1 ? $1 : defined $2 ? $2 : $3;
            $parts++;
        }
        refuse('this is no command of Lifeboat') unless $parts;
        push @found, $word;
        last if pos($text) == length $text;
        refuse('this is no command of Lifeboat') unless $text =~ /\G /gc;
    }
    return @found;
}

# Named captures of a command's pattern hold path names, each behind a NUL.
sub check_arguments {
    my ($text, $pattern) = @_;
    $text =~ $pattern or refuse('this is no command of Lifeboat');
    my %captured = %+;
    my %listed = map { $_ => 1 } @paths;
    for my $name (defined $captured{roots} ? split(/\0/, substr $captured{roots}, 1) : ()) {
        refuse("$name is not among the paths of this script") unless $listed{$name};
    }
    for my $name (defined $captured{above} ? split(/\0/, substr $captured{above}, 1) : ()) {
        next if $listed{$name} || is_above($name);
        refuse("$name is not above the paths of this script");
    }
}

sub is_above {
    my ($name) = @_;
    return scalar grep { $name eq '/' || index($_, "$name/") == 0 } @paths;
}

# A path name from the input: absolute, plain, at or below a listed path. False when a folder on the way is none (any more).
sub is_reachable {
    my ($name) = @_;
    refuse('a path name is too long') if length $name > 4096 * 4;
    refuse("$name is no plain absolute path") if $name !~ m{\A/} || $name =~ m{/(?:\.\.?)?(?:/|\z)} && $name ne '/';
    my ($root) = sort { length $b <=> length $a } grep { $name eq $_ || $_ eq '/' || index($name, "$_/") == 0 } @paths;
    if (!defined $root) {
        refuse("$name is outside of the paths of this script") unless is_above($name);
        # A folder (or a link on the way) is asked for its attributes alone: tar goes into none by itself.
        my @stat = lstat $name;
        return @stat && (($stat[2] & 0170000) == 0040000 || ($stat[2] & 0170000) == 0120000);
    }
    return 1 if $name eq $root;
    my $folder = substr $name, 0, rindex($name, '/');
    return 1 if $folder eq '' || $folders{$folder};
    my $at = $root eq '/' ? '' : $root;
    for my $part (undef, split m{/}, substr($folder, length $at)) {
        next if defined $part && $part eq '';
        $at .= "/$part" if defined $part;
        next if $at eq '';
        my @stat = lstat $at;
        return 0 unless @stat && ($stat[2] & 0170000) == 0040000;
    }
    %folders = () if keys %folders > 50_000;
    return $folders{$folder} = 1;
}

# For a program that opens what it is told: a disk or a watchdog must not be opened, wherever its node stands.
sub is_regular {
    my ($name) = @_;
    my @stat = lstat $name;
    return @stat && ($stat[2] & 0170000) == 0100000;
}

sub run_program {
    my ($input, $nice) = @_;
    if ($nice) {
        setpriority 0, 0, 19;
        unshift @words, 'ionice', '-t', '-c', '3' if grep { -x "$_/ionice" } split /:/, $ENV{PATH};
    }
    pipe my $read, my $write or refuse('there is no pipe to be had');
    my $child = fork;
    refuse('there is no process to be had') unless defined $child;
    # A group of its own, from whichever side is first: what the program has started ends with it.
    setpgrp $child, $child;
    if ($child == 0) {
        close $write;
        if ($input eq '') { open STDIN, '<', '/dev/null' or POSIX::_exit(126) }
        else { open STDIN, '<&', $read or POSIX::_exit(126) }
        close $read;
        $SIG{$_} = 'DEFAULT' for qw(PIPE TERM HUP INT);
        no warnings 'exec';
        exec { $words[0] } @words;
        print STDERR "lifeboat-pull: $words[0]: $!\n";
        POSIX::_exit($! == 2 ? 127 : 126);
    }
    close $read;
    # Its end is the end of the output, which must not wait for this process.
    open STDOUT, '>', '/dev/null';
    for my $name (qw(TERM HUP INT)) { $SIG{$name} = sub { kill 'TERM', -$child; POSIX::_exit(143) } }
    my $failed = $input eq '' ? undef : pass_input($child, $write, $input);
    close $write;
    if (defined $failed) {
        kill 'TERM', -$child;
        waitpid $child, 0 unless defined $ended;
        refuse($failed);
    }
    my $status = defined $ended ? $ended : waitpid($child, 0) > 0 ? $? : 126 << 8;
    POSIX::_exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
}

# Hands the input on, piece by piece, as far as it is allowed. Gives the reason to stop, if there is one.
sub pass_input {
    my ($child, $write, $kind) = @_;
    my $end = $kind eq 'names' || $kind eq 'files' || $kind eq 'ranges' ? "\0" : "\n";
    my $rest = '';
    my $pieces = 0;
    while (1) {
        my $ready = '';
        vec($ready, fileno(STDIN), 1) = 1;
        my $found = select $ready, undef, undef, 0.5;
        if (waitpid($child, POSIX::WNOHANG()) > 0) { $ended = $?; return undef }
        next if $found <= 0;
        my $count = sysread STDIN, $rest, 65536, length $rest;
        next if !defined $count && ($! == EINTR || $! == EAGAIN);
        if (!$count) {
            return $rest eq '' ? undef : 'the input stops within a name or a line';
        }
        # What was looked at before this came says little by now.
        %folders = ();
        my $good = '';
        my $at = 0;
        while ((my $next = index $rest, $end, $at) >= 0) {
            my $piece = substr $rest, $at, $next - $at;
            $at = $next + 1;
            my $is_name = $kind eq 'names' || $kind eq 'files' || $kind eq 'ranges' && !$pieces++;
            my $allowed = eval {
                $is_name ? is_reachable($piece) && ($kind eq 'names' || is_regular($piece)) : is_question($kind, $piece);
            };
            if ($@) { (my $why = $@) =~ s/\n\z//; return $why }
            # What follows speaks of this file: it must not be taken for another name.
            return 'this is no file below the paths of this script: ' . $piece
                if $kind eq 'ranges' && (!$allowed || $is_name && is_above($piece));
            if ($allowed) { $good .= $piece . $end }
            else { print STDERR "lifeboat-pull: left out, because it is no file or a folder above it is none: ", shown($piece), "\n" }
        }
        $rest = substr $rest, $at;
        return 'a name or a line is too long' if length $rest > 262_144;
        my $done = 0;
        while ($done < length $good) {
            my $written = syswrite $write, $good, length($good) - $done, $done;
            if (defined $written) { $done += $written }
            # It takes no more: its own end says why.
            elsif ($! != EINTR) { waitpid $child, 0; $ended = $?; return undef }
        }
    }
}

sub is_question {
    my ($kind, $text) = @_;
    return 1 if $lines{$kind}{$text} || $text =~ $counts{$kind};
    refuse('this is nothing that Lifeboat asks ' . $kind . ': ' . $text);
}

# Only processes of this script: its programs end with it.
sub stop_program {
    my ($pid) = $_[0] =~ /\A([0-9]+)\z/;
    if (open my $file, '<', "/proc/$pid/cmdline") {
        local $/;
        my @argv = split /\0/, <$file>;
        # As the kernel puts it for the first line of this file. Not every process that names this file: somebody may read it.
        if (@argv > 2 && $argv[1] eq '-T' && $argv[2] eq $self) {
            exit 0 if kill 'TERM', $pid;
            become_root() if $use_sudo && $> != 0;
        }
    }
    exit 1;
}

sub become_root {
    # Checked in this process, and by root's once more.
    my ($same) = $asked =~ /\A(.*)\z/s;
    exec 'sudo', '-n', '--', $self, $same or refuse('there is no sudo');
}

sub shown {
    my ($text) = @_;
    $text =~ s/([^ -~]|\\)/sprintf '\\%03o', ord $1/ge;
    return length $text > 200 ? substr($text, 0, 200) . '...' : $text;
}

sub refuse {
    my ($why) = @_;
    die "$why\n" if defined $^S && $^S;
    print STDERR 'lifeboat-pull: refused: ', shown($why), "\n";
    POSIX::_exit(126);
}
