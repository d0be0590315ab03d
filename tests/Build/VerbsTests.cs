using System.CommandLine;
using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Build.Tests;

/// <summary>Which command lines are accepted, and which are refused before anything is built.</summary>
internal sealed class VerbsTests
{
    [TestCase("run --door elf --memory 64")]
    [TestCase("run --uefi --disk a.img")]
    [TestCase("bench --filter iso")]
    [TestCase("bench --against linux --rounds 1 --only randread --artifacts out")]
    [TestCase("conform")]
    [TestCase("conform --driver seabios --seconds 20 --artifacts out")]
    [TestCase("conform --driver iso a.iso")]
    [TestCase("conform --driver kernel a --initrd b --append quiet")]
    [TestCase("lab 3")]
    [TestCase("lab 10 --solution --json")]
    [TestCase("lab 4 --boot --files .. --junit --artifacts out")]
    [TestCase("trace")]
    [TestCase("trace --list")]
    [TestCase("trace run.jsonl --out run.html --perfetto run.json")]
    [TestCase("cosmos")]
    [TestCase("cosmos --cosmos-dir /somewhere --accel kvm --memory 1024 --disk a.img --artifacts out")]
    [TestCase("cosmos-iso --cosmos-dir /somewhere")]
    [TestCase("cosmos-packages --cosmos-dir /somewhere")]
    public void Command_line_is_accepted(string words)
    {
        Assert.That(Parse(words).Errors, Is.Empty);
    }

    [TestCase("run --door elf --uefi", "--uefi is for --door iso")]
    [TestCase("run --cosmos-dir /somewhere", "--cosmos-dir")]
    [TestCase("cosmos --cosmos-dir", "--cosmos-dir")]
    [TestCase("cosmos --memory 0", "above 0")]
    [TestCase("cosmos --memory much", "much")]
    [TestCase("cosmos --accel fast", "fast")]
    [TestCase("cosmos --door iso", "--door")]
    [TestCase("cosmos --uefi", "--uefi")]
    [TestCase("cosmos iso", "iso")]
    [TestCase("cosmos-iso --memory 512", "--memory")]
    [TestCase("bench --against", "--against")]
    [TestCase("bench --against windows", "windows")]
    [TestCase("bench --against linux --rounds 0", "from 1 to 99")]
    [TestCase("bench --against linux --rounds 100", "from 1 to 99")]
    [TestCase("bench --against linux --rounds many", "many")]
    [TestCase("bench --against linux --filter iso", "--only")]
    [TestCase("bench --rounds 3", "for --against")]
    [TestCase("bench --only randread", "for --against")]
    [TestCase("conform --driver minix", "minix")]
    [TestCase("conform --driver iso", "needs a file")]
    [TestCase("conform --driver seabios a.iso", "takes no file")]
    [TestCase("conform --driver ours --append quiet", "for --driver kernel")]
    [TestCase("conform --seconds 0", "above 0")]
    [TestCase("lab", "argument missing")]
    [TestCase("lab 0", "labs 1 to 10")]
    [TestCase("lab 11", "labs 1 to 10")]
    [TestCase("lab split", "split")]
    [TestCase("lab 8 --boot", "nothing to do in the guest")]
    [TestCase("lab 3 --json --junit", "choose one")]
    [TestCase("lab 3 --solution --files ..", "choose one")]
    public void Command_line_is_refused(string words, string why)
    {
        Assert.That(Parse(words).Errors.Select(error => error.Message), Has.Some.Contains(why));
    }

    [TestCase("run", true)]
    [TestCase("debug", true)]
    [TestCase("cosmos", true)]
    [TestCase("cosmos-iso", false)]
    [TestCase("cosmos-packages", false)]
    [TestCase("iso", false)]
    [TestCase("test", false)]
    [TestCase("bench", false)]
    [TestCase("conform", false)]
    [TestCase("trace", false)]
    public void Arguments_for_QEMU_are_accepted_only_by_verbs_that_boot_a_guest(string verb, bool accepts)
    {
        Assert.That(
            string.Join('\n', Parse(verb, "-display", "gtk").Errors.Select(error => error.Message)),
            Is.EqualTo(accepts ? "" : "Arguments for QEMU, after --, are for run, debug and cosmos."));
    }

    private static ParseResult Parse(string words, params string[] forQemu) => Verbs.Create(forQemu).Parse(words);
}
