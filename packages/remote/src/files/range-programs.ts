/**
 * The programs that answer questions about ranges of one file, for whatever a host has. Fixed texts: sudoers and forced commands name
 * them. Records on stdin, each ended by NUL: the file's path, how much of it is known, then questions `h`, `p` or `r` with offset and
 * length. First one line is answered, "ranges1 INODE XATTRS", XATTRS being the length of what follows ("-" where they cannot be told);
 * then 32 bytes of SHA-256, 16 bytes for each page, or the bytes. They write nothing, and open neither a link nor a fifo.
 *
 * Exit status 20: not there, not regular, or no bytes where a question says some; 21: mostly holes, or holes in what is not known.
 */
export type RangeProgramName = "python3" | "perl";

/** Its lines stand in a string: csh takes neither a line break nor an exclamation mark in a word. */
const python = `import os,sys,stat,hashlib
from struct import pack
o=sys.stdout.buffer
f=-1
def get(at,n):
 while n:
  b=os.pread(f,min(n,1048576),at)
  if not b: sys.exit(20)
  yield b
  at+=len(b)
  n-=len(b)
def start(name,known):
 global f
 f=os.open(name,os.O_RDONLY|os.O_NOFOLLOW|os.O_NONBLOCK|os.O_CLOEXEC)
 s=os.fstat(f)
 if not stat.S_ISREG(s.st_mode): sys.exit(20)
 at=data=0
 while at<s.st_size:
  try: at=os.lseek(f,at,os.SEEK_DATA)
  except OSError: break
  end=os.lseek(f,at,os.SEEK_HOLE)
  data+=end-at
  at=end
 if data*2<s.st_size or known<s.st_size and os.lseek(f,known,os.SEEK_HOLE)<s.st_size: sys.exit(21)
 x=b''
 try: names=os.listxattr(f)
 except OSError as e:
  if not e.errno==95: raise
  names=[]
 for n in names:
  v=os.getxattr(f,n)
  n=os.fsencode(n)
  x+=pack('>II',len(n),len(v))+n+v
 o.write(b'ranges1 %d %d\\n'%(s.st_ino,len(x))+x)
def answer(kind,at,n):
 if kind==b'h':
  s=hashlib.sha256()
  for b in get(at,n): s.update(b)
  o.write(s.digest())
 elif kind==b'p':
  d=memoryview(b''.join(get(at,n)))
  i=0
  k=4096-at%4096
  while i<n:
   o.write(hashlib.sha256(d[i:i+k]).digest()[:16])
   i+=k
   k=4096
 else:
  for b in get(at,n): o.write(b)
rest=b''
first=[]
while True:
 more=os.read(0,65536)
 if not more: break
 *words,rest=(rest+more).split(b'\\0')
 for w in words:
  try:
   if f<0:
    first.append(w)
    if len(first)==2: start(first[0],int(first[1]))
   else:
    k,a,n=w.split(b' ')
    answer(k,int(a),int(n))
   o.flush()
  except OSError as e:
   sys.stderr.write(str(e))
   sys.exit(20)
`;

/** SHA-256 by a module that comes with perl, but not with Debian's perl-base. Extended attributes are beyond it. */
const perl = `
sub get { my ($at, $n, $do) = @_;
  while ($n) {
    defined sysseek($f, $at, 0) or exit 20;
    my $c = sysread $f, my $b, $n < 1048576 ? $n : 1048576;
    exit 20 if not $c;
    $do->($b); $at += $c; $n -= $c;
  } }
sub out { my ($b) = @_; my $at = 0;
  while ($at < length $b) { my $c = syswrite STDOUT, $b, length($b) - $at, $at; exit 20 if not $c; $at += $c; } }
sub start { my ($name, $known) = @_;
  sysopen $f, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or do { print STDERR "$^E"; exit 20 };
  binmode $f;
  my @s = stat $f; exit 20 if not -f _;
  my ($at, $data) = (0, 0);
  while ($at < $s[7]) {
    $at = sysseek $f, $at, 3; last if not defined $at; $at += 0;
    my $end = sysseek $f, $at, 4; $data += $end - $at; $at = $end + 0;
  }
  exit 21 if $data * 2 < $s[7] or $known < $s[7] and sysseek($f, $known, 4) < $s[7];
  out("ranges1 $s[1] -\\n"); }
sub answer { my ($kind, $at, $n) = @_;
  if ($kind eq "h") { my $s = Digest::SHA->new(256); get($at, $n, sub { $s->add($_[0]) }); out($s->digest); }
  elsif ($kind eq "p") {
    my ($d, $o) = ("", ""); get($at, $n, sub { $d .= $_[0] });
    for (my ($i, $k) = (0, 4096 - $at % 4096); $i < $n; $i += $k, $k = 4096) { $o .= substr sha256(substr $d, $i, $k), 0, 16 }
    out($o);
  }
  else { get($at, $n, \\&out) } }
binmode STDIN; binmode STDOUT;
my ($rest, @first) = ("");
while (sysread STDIN, $rest, 65536, length $rest) {
  while ((my $end = index $rest, "\\0") >= 0) {
    my $w = substr $rest, 0, $end; substr($rest, 0, $end + 1) = "";
    if (not $f) { push @first, $w; start(@first) if @first == 2; }
    else { answer(split / /, $w) }
  }
}
`;

/** -I and -S: nothing of the account's own is loaded. */
export const rangePrograms: Readonly<Record<RangeProgramName, readonly string[]>> = {
  python3: ["python3", "-I", "-S", "-c", `exec(${JSON.stringify(python)})`],
  perl: ["perl", "-MFcntl", "-MDigest::SHA=sha256", "-e", `our $f;${perl.replace(/\s*\n\s*/g, " ")}`],
};
