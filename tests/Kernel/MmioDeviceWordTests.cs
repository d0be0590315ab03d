using System.Collections.Generic;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The words of the command line that name virtio-mmio devices.</summary>
[TestFixture]
internal sealed class MmioDeviceWordTests
{
    [TestCase("512@0xfeb00e00:12", 0xFEB00E00UL, 512UL, 12)]
    [TestCase("4K@0xd0000000:5", 0xD0000000UL, 4096UL, 5)]
    [TestCase("4k@0xd0000000:5:0", 0xD0000000UL, 4096UL, 5)]
    [TestCase("1M@3489660928:0x7:3", 0xD0000000UL, 1048576UL, 7)]
    [TestCase("0x200@0X10000:15", 0x10000UL, 512UL, 15)]
    [TestCase("1G@0x4000000000:3", 0x4000000000UL, 1UL << 30, 3)]
    [TestCase("256@0xffffffffffffff00:1", 0xFFFFFFFFFFFFFF00UL, 256UL, 1)]
    public void A_word_says_where_a_device_is(string value, ulong address, ulong length, int line)
    {
        Assert.That(
            MmioDeviceWord.TryParse(value, out MmioDeviceWord word, out Failure? fault), Is.True, fault?.ToString());
        Assert.That((word.Range.Start, word.Range.Length, (int)word.Line), Is.EqualTo((address, length, line)));
    }

    [TestCase("", "form")]
    [TestCase("512", "form")]
    [TestCase("@", "form")]
    [TestCase("512@", "form")]
    [TestCase("512@0xfeb00e00", "form")]
    [TestCase("512@0xfeb00e00:", "form")]
    [TestCase("@0xfeb00e00:12", "form")]
    [TestCase("K@0xfeb00e00:12", "form")]
    [TestCase("512@0xfeb00e00:12:", "form")]
    [TestCase("512@0xfeb00e00:12:1:2", "form")]
    [TestCase("512@0xfeb00e00:-1", "form")]
    [TestCase("512 @0xfeb00e00:12", "form")]
    [TestCase("512@0x:12", "form")]
    [TestCase("512@feb00e00:12", "form")]
    [TestCase("5T@0xfeb00e00:12", "form")]
    [TestCase("18446744073709551616@0:12", "form")]
    [TestCase("18446744073709551615K@0:12", "form")]
    [TestCase("255@0xfeb00e00:12", "less than the 256 bytes")]
    [TestCase("0@0xfeb00e00:12", "less than the 256 bytes")]
    [TestCase("512@0xfeb00e02:12", "no address")]
    [TestCase("512@0xffffffffffffff00:12", "no address")]
    [TestCase("512@0xfeb00e00:256", "interrupt line above 255")]
    [TestCase("512@0xfeb00e00:4294967308", "interrupt line above 255")]
    public void A_bad_word_says_what_is_wrong(string value, string reason)
    {
        Assert.That(MmioDeviceWord.TryParse(value, out _, out Failure? fault), Is.False);
        Assert.That(fault?.ToString(), Does.Contain(reason));
    }

    [Test]
    public void Any_text_is_a_word_or_has_a_fault()
    {
        Gen<string> texts = Gen.Elements("0123456789xabKMG@::@ -".ToCharArray()).ArrayOf().Select(c => new string(c));
        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            bool isWord = MmioDeviceWord.TryParse(text, out MmioDeviceWord word, out Failure? fault);
            Assert.That(isWord, Is.EqualTo(fault is null));
            Assert.That(!isWord || word.Range.Length >= 256);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }

    [Test]
    public void All_words_are_read_in_order_and_bad_ones_cost_a_line_each()
    {
        string[] places = Read(
            "quiet virtio_mmio.device=512@0xfeb00e00:12 run='disks; exit' virtio_mmio.device=nonsense "
            + "\"virtio_mmio.device=4K@0xd0000000:5\" virtio_mmio.devices=1 xvirtio_mmio.device=512@0:1",
            out string[] lines);
        Assert.That(places, Is.EqualTo(new[] { "feb00e00:12", "d0000000:5" }));
        Assert.That(lines, Is.EqualTo(new[]
        {
            "virtio_mmio.device=nonsense is not of the form SIZE@ADDRESS:LINE: skipped",
        }));
    }

    [Test]
    public void Overlapping_places_and_RAM_are_refused()
    {
        string[] places = Read(
            "virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00f00:11 "
            + "virtio_mmio.device=512@0x1ff00:10 virtio_mmio.device=512@0x20000:9 virtio_mmio.device=512@0xfeb01000:8",
            out string[] lines);
        Assert.That(places, Is.EqualTo(new[] { "feb00e00:12", "20000:9", "feb01000:8" }));
        Assert.That(lines, Is.EqualTo(new[]
        {
            "virtio_mmio.device=512@0xfeb00f00:11 overlaps a device named before it: skipped",
            "virtio_mmio.device=512@0x1ff00:10 names an address in RAM: skipped",
        }));
    }

    [Test]
    public void A_quote_that_is_not_closed_hides_no_device()
    {
        Assert.That(Read("name=it's virtio_mmio.device=512@0xfeb00e00:12", out string[] lines), Is.Not.Empty);
        Assert.That(Read("run='x virtio_mmio.device=512@0xfeb00e00:12", out lines), Is.Not.Empty);
        Assert.That(lines, Is.EqualTo(new[] { "" }), "who looks for the script tells");
    }

    private static string[] Read(string commandLine, out string[] lines)
    {
        var output = new RecordingOutput();
        var firmware = new FirmwareDescription
        {
            MemoryMap =
            [
                new MemoryRange { Start = 0, Length = 0x20000, Kind = 1 },
                new MemoryRange { Start = 0xFEB00000, Length = 0x1000, Kind = 2 },
                new MemoryRange { Start = ulong.MaxValue, Length = ulong.MaxValue, Kind = 1 },
            ],
            ConfigurationWindows = [],
            CommandLine = commandLine,
        };
        var places = new List<string>();
        foreach (MmioDeviceWord word in MmioDeviceWords.Read(firmware, output))
        {
            places.Add($"{word.Range.Start:x}:{word.Line}");
        }

        lines = output.Lines;
        return [.. places];
    }
}
