using System.Globalization;
using System.Text.RegularExpressions;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Machines that the kernel cannot run on say so, at once and in words; machines that only lack what it can do without
/// work.
/// </summary>
public sealed class MachineLimitTests : QemuTest
{
    private const string Refusal = "VirtioGuest cannot run on this processor, which lacks: ";
    private const string LastLine = "VIRTIOGUEST: FAILED";

    // A processor that lacks one thing, and the name of that thing.
    private static readonly string[][] s_features =
    [
        ["lm", "64-bit mode"],
        ["fpu", "x87"],
        ["tsc", "TSC"],
        ["msr", "MSR"],
        ["pae", "PAE"],
        ["cx8", "CMPXCHG8B"],
        ["cmov", "CMOV"],
        ["fxsr", "FXSAVE"],
        ["sse", "SSE"],
        ["sse2", "SSE2"],
        ["syscall", "SYSCALL"],
        ["cx16", "CMPXCHG16B"],
    ];

    private static readonly string[] s_optional =
    [
        "apic", "nx", "pat", "pse", "pse36", "pge", "mmx", "mtrr", "mca", "mce", "sep", "de", "clflush", "sse3",
        "lahf_lm", "svm", "hypervisor",
    ];

    [TestCaseSource(nameof(s_features))]
    public void Processor_without_something_it_must_have_is_refused_by_name(string flag, string name)
    {
        ExpectRefusal(new GuestOptions { Cpu = $"qemu64,-{flag}" }, Refusal + name + ".");
    }

    [TestCase("qemu32", "64-bit mode, SYSCALL, CMPXCHG16B")]
    [TestCase("Conroe", "CMPXCHG16B")]
    [TestCase("pentium", "64-bit mode, PAE, CMOV, FXSAVE, SSE, SSE2, SYSCALL, CMPXCHG16B")]
    [TestCase("pentium3", "64-bit mode, SSE2, SYSCALL, CMPXCHG16B")]
    public void Processor_that_is_too_old_is_told_all_that_it_lacks(string cpu, string names)
    {
        ExpectRefusal(new GuestOptions { Cpu = cpu }, Refusal + names + ".");
    }

    [TestCase(Door.BzImage, "-fxsr", "FXSAVE")]
    [TestCase(Door.IsoBios, "-fxsr", "FXSAVE")]
    [TestCase(Door.IsoBios, "-cx16", "CMPXCHG16B")]
    public void Refusal_comes_by_every_door_and_on_the_screen_too(Door door, string change, string name)
    {
        QemuGuest guest = Start(new GuestOptions
        {
            Door = door,
            Cpu = "qemu64," + change,
            HasExitDevice = false,
            HasScreen = true,
            EndsOnReset = false,
        });
        guest.WaitForLine($"^{Regex.Escape(Refusal + name)}", guest.BootDeadline);
        guest.WaitForLine($"^{LastLine}$");

        Assert.That(guest.WaitForTextScreen(LastLine), Does.Contain(Refusal + name + "."));
        Thread.Sleep(Deadlines.Stillness);
        Assert.That(guest.IsRunning, Is.True);
        Assert.That(guest.Monitor.ExecuteText("info registers"), Does.Contain("HLT=1"), "not a busy loop");
    }

    [Test]
    public void Refusal_under_UEFI_is_on_the_serial_line_and_ends_with_the_failing_status()
    {
        ExpectRefusal(
            new GuestOptions { Door = Door.IsoUefi, Cpu = "qemu64,-cx16", Machine = MachineType.Q35 },
            Refusal + "CMPXCHG16B.");
    }

    [Test]
    public void Processor_without_anything_optional_passes_the_self_test([Values("qemu64", "max")] string model)
    {
        GuestOptions options = new GuestOptions { Cpu = $"{model},-{string.Join(",-", s_optional)},-xsave,-avx" }
            .WithDisk(NewDisk()).WithNic();

        Expect.PassedSelfTest(Run(options, "selftest; exit"));
    }

    [NightlyOnly]
    [TestCaseSource(nameof(s_optional))]
    public void Processor_without_something_optional_passes_the_self_test(string flag)
    {
        GuestOptions options = new GuestOptions { Cpu = $"max,-{flag}" }.WithDisk(NewDisk()).WithNic();

        Expect.PassedSelfTest(Run(options, "selftest; exit"));
    }

    [TestCase(Door.Elf, 1)]
    [TestCase(Door.Elf, 2)]
    [TestCase(Door.Elf, 8)]
    [TestCase(Door.Elf, 16)]
    [TestCase(Door.Elf, 17)]
    [TestCase(Door.BzImage, 1)]
    [TestCase(Door.BzImage, 2)]
    [TestCase(Door.BzImage, 8)]
    [TestCase(Door.BzImage, 16)]
    [TestCase(Door.BzImage, 17)]
    public void Machine_with_too_little_memory_is_told_how_much_it_takes(Door door, int megabytes)
    {
        ExpectTooSmall(new GuestOptions { Door = door, MemoryMegabytes = megabytes });
    }

    [TestCase(1)]
    [TestCase(16)]
    public void Too_little_memory_is_told_on_the_screen_too(int megabytes)
    {
        foreach (Door door in (Door[])[Door.Elf, Door.BzImage])
        {
            QemuGuest guest = Start(new GuestOptions
            {
                Door = door,
                MemoryMegabytes = megabytes,
                HasExitDevice = false,
                HasScreen = true,
                EndsOnReset = false,
            });
            guest.WaitForLine($"^{LastLine}$", guest.BootDeadline);

            Assert.That(
                guest.WaitForTextScreen(LastLine),
                Does.Match($@"VirtioGuest needs at least \d+ MB of memory; this machine has {megabytes} MB\."));
        }
    }

    [Test]
    public void Machine_runs_with_the_memory_that_it_is_told_it_needs(
        [Values(Door.Elf, Door.BzImage)] Door door, [Values] MachineType machine)
    {
        GuestOptions options = new() { Door = door, Machine = machine };
        int needed = ExpectTooSmall(options with { MemoryMegabytes = 16 });

        Assert.That(ExpectTooSmall(options with { MemoryMegabytes = needed - 1 }), Is.EqualTo(needed));
        Transcript transcript = Run(options with { MemoryMegabytes = needed }, "mem; exit");
        Expect.FirstLine(transcript, door);
    }

    [TestCase(MachineType.Pc, 2)]
    [TestCase(MachineType.Pc, 16)]
    [TestCase(MachineType.Q35, 20)]
    public void GRUB_says_so_where_the_memory_is_too_small_for_it_to_load_the_kernel(MachineType machine, int megabytes)
    {
        QemuGuest guest = Start(
            new GuestOptions { Door = Door.IsoBios, Machine = machine, MemoryMegabytes = megabytes });

        int status = guest.WaitForExit();

        Assert.That(guest.Serial.Text, Does.Contain("Is there too little memory?"));
        Assert.That(status, Is.EqualTo(QemuGuest.Failure));
    }

    private int ExpectTooSmall(GuestOptions options)
    {
        QemuGuest guest = Start(options.WithScript("exit"));

        int status = guest.WaitForExit();

        Match match = Regex.Match(
            guest.Serial.Text,
            @"^VirtioGuest needs at least (\d+) MB of memory; this machine has (\d+) MB\.\r?$",
            RegexOptions.Multiline);
        Assert.That(match.Success, Is.True, guest.Serial.Text);
        Assert.That(match.Groups[2].Value, Is.EqualTo(options.MemoryMegabytes.ToString(CultureInfo.InvariantCulture)));
        Assert.That(status, Is.EqualTo(QemuGuest.Failure));
        return int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private void ExpectRefusal(GuestOptions options, string line)
    {
        QemuGuest guest = Start(options.WithScript("exit"));

        int status = guest.WaitForExit();

        Assert.That(guest.Serial.Lines, Has.Member(line));
        Assert.That(status, Is.EqualTo(QemuGuest.Failure));
    }
}
