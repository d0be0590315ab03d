using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// The pictures of docs/rings.md show what really lies in the memory of a ring. With VIRTIOGUEST_WRITE_DOCS=1 they are
/// written instead of compared.
/// </summary>
public class RingsPictureTests
{
    private const int Size = 4;
    private const string Nothing = ".";

    private static string FileName => Path.Combine(
        typeof(RingsPictureTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(each => each.Key == "Repository").Value!,
        "docs",
        "rings.md");

    [TestCase("packed", Features.RingPacked)]
    [TestCase("split", Features.None)]
    public void The_picture_of_a_ring_is_what_its_memory_shows(string format, Features features)
    {
        string mark = $"<!-- The {format} ring, drawn by the tests from here: VIRTIOGUEST_WRITE_DOCS=1 -->\n";
        string endMark = $"<!-- the {format} ring ends -->\n";
        string text = File.ReadAllText(FileName);
        int start = text.IndexOf(mark, StringComparison.Ordinal) + mark.Length;
        int end = text.IndexOf(endMark, StringComparison.Ordinal);
        Assert.That(start >= mark.Length && end >= start, Is.True, "the marks of the picture are missing");
        string picture = Draw(features);
        if (Environment.GetEnvironmentVariable("VIRTIOGUEST_WRITE_DOCS") == "1")
        {
            File.WriteAllText(FileName, text[..start] + picture + text[end..]);
        }

        Assert.That(File.ReadAllText(FileName)[start..].Split(endMark)[0], Is.EqualTo(picture));
    }

    private static string Draw(Features features)
    {
        using SimulatedDma dma = new SimulatedDma();
        DmaMemory buffer = dma.Allocate(64, 64)!;
        Virtqueue queue = Virtqueue.TryCreate(dma, 0, Size, features, default)!;
        QueueAreas areas = new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea);
        DeviceQueue device = DeviceQueue.TryOpen(dma.GuestMemory, areas, Size, (ulong)features, out _)!;
        StringBuilder picture = new StringBuilder("```\n");
        void Show(string what)
        {
            picture.Append(what).Append('\n');
            foreach (string row in features == Features.RingPacked ? PackedRows(dma, queue) : SplitRows(dma, areas))
            {
                picture.Append("    ").Append(row.TrimEnd()).Append('\n');
            }
        }

        Show("1. Nothing has been added yet.");
        Add(queue, 'A', buffer.Segment(0, 16), buffer.Segment(16, 16));
        Add(queue, 'B', buffer.Segment(32, 16));
        Show("\n2. The driver has added A, two descriptors, and B, one.");
        DeviceChain a = device.TryPop()!;
        DeviceChain b = device.TryPop()!;
        Use(device, b);
        Show("\n3. The device has used B, which it finished first.");
        Use(device, a);
        Show("\n4. The device has used A.");
        Assert.That(queue.TryGetUsed(out int first, out _), Is.True);
        Assert.That(queue.TryGetUsed(out int second, out _), Is.True);
        Assert.That((first, second), Is.EqualTo(((int)'B', (int)'A')));
        foreach (char token in "CDE")
        {
            Add(queue, token, buffer.Segment(0, 16));
        }

        Show("\n5. The driver has taken both, and added C, D and E, one descriptor each.");
        return picture.Append("```\n").ToString();
    }

    /// <summary>Adds a buffer: the device writes the first segment, and reads the others.</summary>
    private static void Add(Virtqueue queue, char token, params DmaSegment[] segments) => Assert.That(
        queue.TryAdd(segments.AsSpan(1), segments.AsSpan(0, 1), token), Is.EqualTo(AddStatus.Ok));

    private static void Use(DeviceQueue device, DeviceChain chain)
    {
        device.Push(chain, 0);
        device.Publish();
    }

    private static IEnumerable<string> PackedRows(SimulatedDma dma, Virtqueue queue)
    {
        byte[] ring = Read(dma, queue.DescriptorArea, Size * 16);
        int[] flags = [.. Slots(slot => BinaryPrimitives.ReadUInt16LittleEndian(ring.AsSpan((slot * 16) + 14)))];
        yield return Row("slot", Slots(slot => slot.ToString()));
        yield return Row(
            "buffer ID", Slots(slot => flags[slot] == 0 ? Nothing : ring[(slot * 16) + 12].ToString()));
        yield return Row("AVAIL", Slots(slot => ((flags[slot] >> 7) & 1).ToString()));
        yield return Row("USED", Slots(slot => ((flags[slot] >> 15) & 1).ToString()));

        // The slots of buffers in flight are those from the next used to the next available one.
        int available = queue.NextAvailable & 0x7FFF;
        int wrap = queue.NextAvailable >> 15;
        int used = available - (Size - queue.FreeDescriptors);
        yield return Pointer("next available", available, wrap);
        yield return Pointer("next used", used < 0 ? used + Size : used, used < 0 ? 1 - wrap : wrap);
    }

    private static IEnumerable<string> SplitRows(SimulatedDma dma, QueueAreas areas)
    {
        byte[] table = Read(dma, areas.Descriptor, Size * 16);
        byte[] available = Read(dma, areas.Driver, 4 + (Size * 2));
        byte[] used = Read(dma, areas.Device, 4 + (Size * 8));
        yield return Row("descriptor table", Slots(slot => slot.ToString()));
        yield return Row("  next", Slots(slot => table[(slot * 16) + 8] == 0 ? Nothing
            : (table[(slot * 16) + 12] & 1) == 0 ? "end" : table[(slot * 16) + 14].ToString()));
        foreach ((string name, byte[] ring, int entry) in new[] { ("available", available, 2), ("used", used, 8) })
        {
            int index = BinaryPrimitives.ReadUInt16LittleEndian(ring.AsSpan(2));
            yield return Row($"{name} ring", Slots(slot => slot.ToString())) + $"   idx {index}";
            yield return Row(
                "  head", Slots(slot => slot < index ? ring[4 + (slot * entry)].ToString() : Nothing));
        }
    }

    private static byte[] Read(SimulatedDma dma, ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.That(dma.GuestMemory.TryRead(address, bytes), Is.True);
        return bytes;
    }

    private static IEnumerable<T> Slots<T>(Func<int, T> each) => Enumerable.Range(0, Size).Select(each);

    private static string Row(string name, IEnumerable<string> cells) =>
        $"{name,-18}" + string.Concat(cells.Select(cell => $"{cell,5}"));

    private static string Pointer(string name, int slot, int wrap) =>
        Row(string.Empty, Slots(each => each == slot ? "^" : " ")) + $"   {name}, wrap counter {wrap}";
}
