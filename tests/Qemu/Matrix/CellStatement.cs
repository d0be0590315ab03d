using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>What <c>lsvirtio</c> has to say of the devices of a cell.</summary>
public static class CellStatement
{
    private const int UsualQueueSize = 256;
    private const int SmallQueueSize = 8;
    private const int LargeQueueSize = 1024;

    // Over MMIO, QEMU names what it could have at most, whatever the device has.
    private const int MmioQueueSize = 1024;

    // What the drivers have a use for.
    private const int DiskQueueWanted = 256;
    private const int NicQueueWanted = 256;

    /// <summary>The size of the disk's queues.</summary>
    public static int DiskQueueSize(Cell cell) => cell.Queues switch
    {
        QueueForm.Small => SmallQueueSize,
        QueueForm.Large => LargeQueueSize,
        _ => UsualQueueSize,
    };

    /// <summary>The size of the card's receive queue.</summary>
    public static int ReceiveQueueSize(Cell cell) =>
        cell.Queues == QueueForm.Large ? LargeQueueSize : UsualQueueSize;

    /// <summary>What is wrong with a statement; empty where nothing is.</summary>
    public static IReadOnlyList<string> Check(Cell cell, IReadOnlyList<string> output)
    {
        List<string> problems = [];
        if (DeviceStatement.Find(output, "disk0") is { } disk)
        {
            CheckDevice(problems, cell, disk, "virtio-blk", DiskInterrupts(cell));
            CheckQueue(problems, cell, disk, "requestq1", DiskQueueWanted, DiskQueueSize(cell), cell.HasIndirect);
        }
        else
        {
            problems.Add("disk0 is not there");
        }

        if (DeviceStatement.Find(output, "net0") is { } nic)
        {
            CheckDevice(problems, cell, nic, "virtio-net", NicInterrupts(cell));
            CheckQueue(problems, cell, nic, "receiveq1", NicQueueWanted, ReceiveQueueSize(cell), hasTables: false);
            CheckQueue(problems, cell, nic, "transmitq1", NicQueueWanted, UsualQueueSize, hasTables: false);
        }
        else
        {
            problems.Add("net0 is not there");
        }

        return problems;
    }

    /// <summary>What is wrong with a statement that was made after the devices had worked.</summary>
    public static IReadOnlyList<string> CheckCounts(IReadOnlyList<string> output)
    {
        List<string> problems = [];
        foreach ((string device, string kind) in new[] { ("disk0", "requestq"), ("net0", "receiveq") })
        {
            // A thread's requests go to one of the queues, whichever.
            bool hasWorked = false;
            DeviceStatement? statement = DeviceStatement.Find(output, device);
            for (int number = 1; statement?.Queue(kind + number) is { Length: > 0 } line; number++)
            {
                Match counts = Regex.Match(
                    line, @" (\d+) added, (\d+) used, (\d+) in flight, (\d+) notifications, (\d+) interrupts ");
                long[] numbers =
                    [.. counts.Groups.Values.Skip(1).Select(group => counts.Success ? long.Parse(group.Value) : 0)];
                if (!counts.Success || numbers[0] != numbers[1] + numbers[2])
                {
                    problems.Add($"the buffers of {kind}{number} do not add up: {line}");
                }
                else
                {
                    hasWorked |= numbers[1] != 0 && numbers[3] != 0 && numbers[4] != 0;
                }
            }

            if (!hasWorked)
            {
                problems.Add($"no {kind} of {device} has worked by notifications and interrupts");
            }
        }

        return problems;
    }

    private static (string Kind, string Reason) DiskInterrupts(Cell cell) => cell.Interrupts switch
    {
        InterruptForm.VectorPerQueue => ("MSI-X, a vector per queue", "2 of 2 vectors are used"),
        InterruptForm.FewVectors => ("MSI-X, one vector", "1 of the 2 vectors that it would take are there"),
        _ => Line(cell),
    };

    private static (string Kind, string Reason) NicInterrupts(Cell cell) => cell.Interrupts switch
    {
        InterruptForm.VectorPerQueue => ("MSI-X, a vector per queue", "4 of 4 vectors are used"),
        InterruptForm.FewVectors => (
            "MSI-X, queues share a vector", "2 of the 4 vectors that it would take are there"),
        _ => Line(cell),
    };

    private static (string Kind, string Reason) Line(Cell cell) => cell.IsPci
        ? (cell.Platform == Platform.MicrovmPcie ? "polled, INTx line 0" : @"INTx line \d+",
            "the function has no MSI-X")
        : (@"interrupt line \d+", "the transport has one line");

    private static void CheckDevice(
        List<string> problems, Cell cell, DeviceStatement device, string type, (string Kind, string Reason) interrupts)
    {
        string transport = cell.IsPci ? @"virtio-pci at 00:[0-9a-f]{2}\.0" : "virtio-mmio at 0xfeb0[0-9a-f]+";
        string ring = cell.IsPacked ? "packed" : "split";
        Expect(
            problems, device.Heading, $@"^\w+: {type}, {transport}, {ring} ring, {interrupts.Kind}, running$");
        Expect(problems, device.Of("transport"), $"^{Interface(cell)}$");
        Expect(problems, device.Of("interrupts"), $"^{interrupts.Reason}; ");
        Expect(problems, device.Of("quarantined"), "^0 bytes$");
        ExpectNothing(problems, device.Of("trouble"));
        ExpectNothing(problems, device.Of("brought up again"));
        ExpectFeature(problems, device, "VERSION_1", true);
        ExpectFeature(problems, device, "RING_PACKED", cell.IsPacked);
        ExpectFeature(problems, device, "EVENT_IDX", cell.HasEventIndex);
        ExpectFeature(problems, device, "INDIRECT_DESC", cell.HasIndirect);
        ExpectFeature(problems, device, "ACCESS_PLATFORM", cell.HasPlatformAccess);
    }

    private static string Interface(Cell cell)
    {
        if (!cell.IsPci)
        {
            return "version 2";
        }

        string space = cell.Platform == Platform.Pc
            ? @"configuration space through ports \(mechanism 1\)"
            : @"configuration space at 0x[0-9a-f]+ \(ECAM\)";
        return (cell.IsTransitional ? "transitional" : "modern") + " device, " + space;
    }

    private static void CheckQueue(
        List<string> problems, Cell cell, DeviceStatement device, string name, int wanted, int possible, bool hasTables)
    {
        possible = cell.IsPci ? possible : MmioQueueSize;
        int size = Math.Min(wanted, possible);
        string vector = cell.Interrupts == InterruptForm.Line ? "line" : @"vector \d";
        string place = !cell.IsPci ? "one place for all queues"
            : (cell.HasPagePerQueue ? 4096 : 4) + " bytes per queue";
        Expect(
            problems,
            device.Queue(name),
            $@"^queue \d {name}: {size} descriptors, {vector}, \d+ added, .* \d+ interrupts "
            + $@"   {wanted} descriptors wanted, {possible} possible, "
            + (hasTables ? @"indirect tables of \d+, " : "no indirect tables, ")
            + (cell.HasEventIndex ? "event index" : "no event index")
            + $@", notified at 0x[0-9a-f]+ \({place}\)$");
    }

    // A feature is either in use or said to be missing at the device.
    private static void ExpectFeature(List<string> problems, DeviceStatement device, string name, bool isOffered)
    {
        Expect(problems, device.Of("features"), isOffered ? $@"\b{name}\b" : $@"^(?!.*\b{name}\b)");
        Expect(problems, device.Of("not offered"), isOffered ? $@"^(?!.*\b{name}\b)" : $@"\b{name}\b");
    }

    private static void Expect(List<string> problems, string text, string pattern)
    {
        if (!Regex.IsMatch(text, pattern))
        {
            problems.Add($"'{text}' is not '{pattern}'");
        }
    }

    private static void ExpectNothing(List<string> problems, string text)
    {
        if (text.Length != 0)
        {
            problems.Add(text);
        }
    }
}
