using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;
using VirtioGuest.Qemu.Tests.Matrix;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// The forms in which QEMU has virtio devices: each boots, reads what the host has written and writes what the host
/// reads, gets an address and answers, and says of itself what it is.
/// </summary>
public sealed class MatrixTests : QemuTest
{
    private const string Script =
        "lsvirtio; blk 0 checksum 0 2048; blk 0 fill 5 300 5; blk 0 verify 5 300 5; net 0 dhcp; "
        + "net 0 ping 10.0.2.2 2; selftest; lsvirtio; exit";

    private static readonly int[][] s_allowed =
        [.. Cover.Product(Cell.Levels).Where(values => Refusal.Allows(Cell.Of(values)))];

    private static readonly IReadOnlyList<int[]> s_cover = Cover.Choose(s_allowed);

    private static IEnumerable<TestCaseData> Chosen => s_cover.Select(Case);

    // Where they do not run they are not listed one by one.
    private static IEnumerable<TestCaseData> Every =>
        (NightlyOnlyAttribute.IsNightly ? s_allowed : s_allowed.Take(1)).Select(Case);

    private static IEnumerable<TestCaseData> Refusals =>
        Refusal.All.Where(refusal => refusal.Message is not null)
            .Select(refusal => new TestCaseData(refusal).SetArgDisplayNames(refusal.Reason));

    [TestCaseSource(nameof(Chosen))]
    public void Any_two_properties_work_together(Cell cell)
    {
        Check(cell);
    }

    [NightlyOnly]
    [TestCaseSource(nameof(Every))]
    public void All_properties_work_together(Cell cell)
    {
        Check(cell);
    }

    [Test]
    public void Every_pair_is_in_a_cell_or_in_a_refusal()
    {
        HashSet<(int, int, int, int)> all = [.. Cover.Product(Cell.Levels).SelectMany(Cover.Pairs)];
        HashSet<(int, int, int, int)> covered = [.. s_cover.SelectMany(Cover.Pairs)];
        TestContext.Out.WriteLine(
            $"{s_allowed.Length} cells, {s_cover.Count} of them for all {covered.Count} pairs of {all.Count}");

        Assert.That(s_cover.Select(Cell.Of), Has.All.Matches<Cell>(Refusal.Allows));
        Assert.That(all.IsSupersetOf(covered), Is.True);
        foreach ((int First, int FirstValue, int Second, int SecondValue) pair in all.Except(covered))
        {
            IEnumerable<Cell> having = Cover.Product(Cell.Levels)
                .Where(values => Cover.Pairs(values).Contains(pair))
                .Select(Cell.Of);
            Assert.That(having, Has.None.Matches<Cell>(Refusal.Allows), pair.ToString());
        }

        // What is refused is the exception: a rule that swallows more than it should would show here.
        Assert.That(s_allowed, Has.Length.GreaterThan(1000));
        Assert.That(s_cover, Has.Count.InRange(12, 24));
    }

    [TestCaseSource(nameof(Refusals))]
    public void Qemu_refuses(Refusal refusal)
    {
        // As few reasons at once as can be: with all others a cell might be refused for them.
        Cell cell = Cover.Product(Cell.Levels).Select(Cell.Of).First(
            cell => refusal.Concerns(cell) && Refusal.All.Count(other => other.Concerns(cell)) == 1);

        Assert.That(
            () => Start(CellMachine.Build(cell, NewDisk())),
            Throws.TypeOf<AssertionException>().With.Message.Contains(refusal.Message!));
    }

    [Test]
    public void Microvm_leaves_the_interrupt_lines_of_its_functions_open()
    {
        Cell cell = Cover.Product(Cell.Levels).Select(Cell.Of).First(
            cell => cell.Platform == Platform.MicrovmPcie && cell.Interrupts == InterruptForm.Line);
        QemuGuest guest = Start(CellMachine.Build(cell, NewDisk()));
        guest.WaitForPrompt();

        JsonNode[] functions = [.. guest.Monitor.Execute("query-pci")!.AsArray()
            .SelectMany(bus => bus!["devices"]!.AsArray()).Select(device => device!)];
        Assert.That(functions.Count(device => device["id"]!["vendor"]!.GetValue<int>() == 0x1AF4), Is.EqualTo(2));
        Assert.That(functions.Select(device => device["irq"]?.GetValue<int>() ?? 0), Is.All.Zero);
        // What ACPI has instead is a program (_PRT) that the kernel does not run: the devices are polled.
        guest.Type("lsvirtio\r");
        guest.WaitForText("polled, INTx line 0");
    }

    [Test]
    public void Qemu_refuses_small_queues_of_a_card()
    {
        Assert.That(
            () => Start(new GuestOptions().WithNic(new NicOptions { Properties = "rx_queue_size=8" })),
            Throws.TypeOf<AssertionException>().With.Message.Contains("Invalid rx_queue_size"));
    }

    private static TestCaseData Case(int[] values)
    {
        Cell cell = Cell.Of(values);
        return new TestCaseData(cell).SetArgDisplayNames(cell.ToString());
    }

    private void Check(Cell cell)
    {
        const int First = 5;
        const int Count = 300;
        DiskImage disk = NewDisk();
        string checksum = disk.Checksum(0, 2048);
        byte[] expected = disk.ReadAll();
        SectorPattern.Make(First, Count, 5).CopyTo(expected, First * DiskImage.SectorSize);
        GuestOptions options = CellMachine.Build(cell, disk);

        Transcript transcript = Run(options, Script);

        Expect.FirstLine(transcript, options.Door);
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { checksum }));
        Assert.That(transcript.OutputOf("blk 0 verify 5 300 5"), Is.EqualTo(new[] { "verified 300 sectors" }));
        Assert.That(disk.ReadAll().AsSpan().SequenceEqual(expected), Is.True, "what the host finds on the disk");
        Assert.That(transcript.TextOf("net 0 dhcp"), Does.StartWith("net0: 10.0.2.15/24, gateway 10.0.2.2"));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 2"), Does.EndWith("2 sent, 2 received"));
        Expect.PassedSelfTest(transcript);
        Assert.That(CellStatement.Check(cell, transcript.OutputOf("lsvirtio")), Is.Empty);
        Assert.That(CellStatement.Check(cell, transcript.OutputOf("lsvirtio", 1)), Is.Empty);
        Assert.That(CellStatement.CheckCounts(transcript.OutputOf("lsvirtio", 1)), Is.Empty);
    }
}
