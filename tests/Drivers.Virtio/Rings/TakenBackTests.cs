using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A device that takes back what it has written.</summary>
public class TakenBackTests
{
    [Test]
    public void A_used_flag_that_is_taken_back_after_a_look_does_not_keep_its_driver_looking()
    {
        using QueueBench bench = new QueueBench(4, Features.RingPacked, isCoherent: true);
        bench.Add(0, 1, 1);
        bench.Overwrite(0, 0, 1, 0x8080);
        Assert.That(bench.Queue.EnableInterrupts(), Is.True, "a used buffer is waiting");
        bench.Overwrite(0, 0, 1, 0x0080);
        int rounds = 0;
        UsedBuffer[] used = new UsedBuffer[4];
        do
        {
            Assert.That(++rounds, Is.LessThan(3), "each round takes a buffer or ends");
        }
        while (bench.Queue.GetUsed(used) == 0 && bench.Queue.EnableInterrupts());
    }
}
