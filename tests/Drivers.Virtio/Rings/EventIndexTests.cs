using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>The event tests of both formats against counting.</summary>
public class EventIndexTests
{
    [Test]
    public void Split_event_is_due_where_it_is_among_the_new_entries()
    {
        // The specification's own form: (new - event - 1) < (new - old), both modulo 65536. Nothing but the two
        // differences counts, so that all pairs of them are all cases.
        foreach (int distance in Values())
        {
            foreach (int added in Values())
            {
                const ushort Next = 0x1234;
                ushort eventIndex = (ushort)(Next - distance - 1);
                if (EventIndex.Split(eventIndex, Next, (ulong)added) != distance < added)
                {
                    Assert.Fail($"event {distance} behind the newest, {added} added");
                }
            }
        }
    }

    [Test]
    public void Split_event_does_not_depend_on_where_the_index_is([Values(0, 1, 2, 5)] int added)
    {
        for (int next = 0; next <= ushort.MaxValue; next++)
        {
            for (int distance = 0; distance < 8; distance++)
            {
                ushort eventIndex = (ushort)(next - distance - 1);
                if (EventIndex.Split(eventIndex, (ushort)next, (ulong)added) != distance < added)
                {
                    Assert.Fail($"event {eventIndex}, next {next}, {added} added");
                }
            }
        }
    }

    [TestCase(65536UL)]
    [TestCase(65537UL)]
    [TestCase(ulong.MaxValue)]
    public void A_whole_round_passes_every_split_event(ulong added)
    {
        for (int eventIndex = 0; eventIndex <= ushort.MaxValue; eventIndex++)
        {
            Assert.That(EventIndex.Split((ushort)eventIndex, 77, added), Is.True);
        }
    }

    [Test]
    public void Packed_event_is_due_where_it_is_among_the_new_descriptors([Range(1, 17)] int size)
    {
        for (int next = 0; next < 2 * size; next++)
        {
            for (int added = 0; added <= (2 * size) + 2; added++)
            {
                HashSet<ushort> passed = new HashSet<ushort>();
                for (int back = 1; back <= added; back++)
                {
                    passed.Add(Word(next - back, size));
                }

                for (int offset = 0; offset < size; offset++)
                {
                    foreach (int wrap in new[] { 0, 0x8000 })
                    {
                        ushort word = (ushort)(offset | wrap);
                        ushort slot = (ushort)(Word(next, size) & 0x7FFF);
                        bool wrapCounter = Word(next, size) >= 0x8000;
                        if (EventIndex.Packed(word, slot, wrapCounter, size, (ulong)added) != passed.Contains(word))
                        {
                            Assert.Fail($"event {word:x4}, next {slot} with {wrapCounter}, {added} added");
                        }
                    }
                }
            }
        }
    }

    [TestCase(1)]
    [TestCase(5)]
    [TestCase(32767)]
    public void A_slot_that_the_ring_does_not_have_is_always_due(int size)
    {
        Assert.That(EventIndex.Packed((ushort)size, 0, true, size, 1), Is.True);
        Assert.That(EventIndex.Packed((ushort)(0x8000 | size), 0, true, size, 1), Is.True);
        Assert.That(EventIndex.Packed(0xFFFF, 0, true, size, 1), Is.True);
    }

    [Test]
    public void Packed_events_of_the_largest_ring_are_told_apart()
    {
        const int Size = Virtqueue.MaximumSize;
        Random random = new Random(1);
        for (int i = 0; i < 100_000; i++)
        {
            int next = random.Next(2 * Size);
            int added = random.Next(1, 2 * Size);
            int back = random.Next(1, (2 * Size) + 1);
            ushort place = Word(next, Size);
            bool due = EventIndex.Packed(
                Word(next - back, Size), (ushort)(place & 0x7FFF), place >= 0x8000, Size, (ulong)added);
            Assert.That(due, Is.EqualTo(back <= added));
        }
    }

    private static ushort Word(int position, int size)
    {
        int inTwoRounds = (position + (4 * size)) % (2 * size);
        return (ushort)((inTwoRounds % size) | (inTwoRounds < size ? 0x8000 : 0));
    }

    private static IEnumerable<int> Values()
    {
        int step = Nightly.IsOn ? 1 : 97;
        for (int value = 0; value <= ushort.MaxValue; value += step)
        {
            yield return value;
        }

        foreach (int edge in new[] { 1, 2, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xFFFE, 0xFFFF })
        {
            yield return edge;
        }
    }
}
