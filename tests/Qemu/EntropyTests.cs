using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>QEMU's entropy device, which the kernel drives with the shortest of its drivers.</summary>
public sealed class EntropyTests : QemuTest
{
    [TestCase("on", "packed")]
    [TestCase("off", "split")]
    public void Random_bytes_are_read(string packed, string ring)
    {
        GuestOptions options = new GuestOptions().WithArguments("-device", $"virtio-rng-pci,packed={packed}");

        Transcript transcript = Run(options, "rng 0 read 32; rng 0 read 256; rng 0 read 1; selftest; exit");

        string shorter = transcript.TextOf("rng 0 read 32");
        Assert.That(transcript.Start, Has.Some.Match($"^rng0: virtio-rng at .*, {ring} ring$"));
        Assert.That(shorter, Does.Match("^[0-9a-f]{64}$").And.Not.Match("^0+$"));
        Assert.That(transcript.TextOf("rng 0 read 256"), Does.Match("^[0-9a-f]{512}$").And.Not.StartWith(shorter));
        Assert.That(transcript.TextOf("rng 0 read 1"), Does.Match("^[0-9a-f]{2}$"));
        Expect.PassedSelfTest(transcript);
    }

    [Test]
    public void A_count_out_of_range_and_a_device_that_is_not_there_are_refused()
    {
        Transcript transcript = Run(
            new GuestOptions().WithArguments("-device", "virtio-rng-pci"),
            "rng 0 read 0; rng 0 read 257; rng 1 read 1; exit",
            QemuGuest.Failure);

        Assert.That(transcript.TextOf("rng 0 read 0"), Is.EqualTo("error: COUNT is a number from 1 to 256"));
        Assert.That(transcript.TextOf("rng 0 read 257"), Is.EqualTo("error: COUNT is a number from 1 to 256"));
        Assert.That(transcript.TextOf("rng 1 read 1"), Is.EqualTo("error: there is no rng1"));
    }
}
