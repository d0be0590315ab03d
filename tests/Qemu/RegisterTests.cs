using System;
using System.Diagnostics;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Threads keep their registers, however the processor saves them.</summary>
public sealed class RegisterTests : QemuTest
{
    private const string Kept = @"^every register was kept, [1-9]\d* rounds in \d+ s$";

    [TestCase("qemu64", TestName = "FXSAVE, no XSAVE")]
    [TestCase("max", TestName = "XSAVE with AVX")]
    [TestCase("max,-xsave", TestName = "FXSAVE though there could be XSAVE")]
    [TestCase("max,-avx", TestName = "XSAVE without AVX")]
    [TestCase("Opteron_G4", TestName = "XSAVE without its extensions, which is left off")]
    public void Registers_are_kept(string cpu)
    {
        Transcript transcript = Run(new GuestOptions { Cpu = cpu }, "stress registers 2; exit");

        Assert.That(transcript.TextOf("stress registers 2"), Does.Match(Kept));
    }

    // Its collections come to the end of the heap's addresses, which are few there, while other threads are busy.
    [Test]
    public void Registers_are_kept_with_little_memory()
    {
        Transcript transcript = Run(new GuestOptions { MemoryMegabytes = 48 }, "stress registers 5; selftest; exit");

        Expect.PassedSelfTest(transcript);
        Assert.That(transcript.TextOf("stress registers 5"), Does.Match(Kept));
    }

    // Twelve times five minutes are an hour.
    [NightlyOnly]
    [Test]
    public void Registers_are_kept_for_long(
        [Values("qemu64", "max", "max,-xsave", "max,-avx")] string cpu, [Range(1, 3)] int part)
    {
        TestContext.Out.WriteLine($"part {part}");
        QemuGuest guest = Start(new GuestOptions { Cpu = cpu }.WithDisk(NewDisk()).WithNic()
            .WithScript("stress registers 300; exit"));

        int status = guest.WaitForExit(TimeSpan.FromSeconds(390));

        Assert.That(new Transcript(guest.Serial.Lines).TextOf("stress registers 300"), Does.Match(Kept));
        Assert.That(status, Is.EqualTo(QemuGuest.Success));
    }

    [NightlyOnly]
    [TestCase("max,-xsave")]
    [TestCase("qemu64")]
    [TestCase("max")]
    public void Disk_is_verified_beside_a_flood_of_pings(string cpu)
    {
        VerifyBesideFlood(cpu, TimeSpan.FromSeconds(240));
    }

    [Test]
    public void Disk_is_verified_beside_a_short_flood_of_pings()
    {
        VerifyBesideFlood("max,-xsave", TimeSpan.FromSeconds(3));
    }

    private void VerifyBesideFlood(string cpu, TimeSpan duration)
    {
        using PingFlood flood = new();
        QemuGuest guest = Start(
            new GuestOptions { Cpu = cpu }.WithDisk(NewEmptyDisk(20_000)).WithArguments(flood.Arguments));
        guest.WaitForPrompt();
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine(@"^net0: 10\.0\.2\.15/24");
        flood.Start();
        Stopwatch watch = Stopwatch.StartNew();
        int seed = 0;
        do
        {
            guest.Type($"blk 0 fill 0 20000 {++seed}\r");
            guest.WaitForLine("^filled 20000 sectors$");
            guest.Type($"blk 0 verify 0 20000 {seed}\r");
            guest.WaitForLine("^verified 20000 sectors$");
        }
        while (watch.Elapsed < duration);

        Assert.That(flood.Replies, Is.GreaterThan(100));
        guest.Type("selftest; exit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        TestContext.Out.WriteLine($"{seed} rounds, {flood.Replies} replies");
    }
}
