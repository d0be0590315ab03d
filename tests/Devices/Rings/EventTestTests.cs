using System;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Tests.Rings;

/// <summary>The arithmetic of event indices, against going over the indices one by one.</summary>
internal sealed class EventTestTests
{
    private static readonly int[] s_edges = [0, 1, 2, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xFFFD, 0xFFFE, 0xFFFF];

    [Test]
    public void A_split_event_is_any_index_that_was_written([ValueSource(nameof(s_edges))] int before)
    {
        foreach (int count in new[] { 1, 2, 3, 127, 32767, 32768 })
        {
            ushort after = (ushort)(before + count);
            for (int place = 0; place <= ushort.MaxValue; place++)
            {
                // Entries before, before + 1, ... before + count - 1 were written.
                bool isWritten = ((place - before) & 0xFFFF) < count;
                if (EventTest.Split((ushort)place, after, (ushort)before) != isWritten)
                {
                    Assert.Fail($"event {place}, {count} entries from {before}");
                }
            }
        }
    }

    [Test]
    public void A_packed_event_at_the_largest_size_is_any_descriptor_that_was_passed()
    {
        const int Size = 32768;
        Random random = new(20260408);
        for (int i = 0; i < 200_000; i++)
        {
            int before = random.Next(2 * Size);
            int count = 1 + random.Next(Size);
            int place = random.Next(2 * Size);
            bool isPassed = (place - before + (2 * Size)) % (2 * Size) < count;
            int after = (before + count) % (2 * Size);
            if (EventTest.Packed(place, after, count, Size) != isPassed)
            {
                Assert.Fail($"event {place}, {count} descriptors from {before}");
            }
        }
    }
}
