using System;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Tasks run on the thread pool and are awaited; timers fire.</summary>
internal sealed class ThreadPoolTest : SelfTestCase
{
    private const int Tasks = 8;
    private const int Rounds = 100;

    private int _counter;

    /// <summary>Creates the test.</summary>
    public ThreadPoolTest()
        : base("tasks, locks and timers work")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        _counter = 0;
        var tasks = new Task[Tasks];
        for (int index = 0; index < Tasks; index++)
        {
            tasks[index] = Task.Run(CountAsync);
        }

        if (!Patience.WaitFor(time => Task.WaitAll(tasks, time)))
        {
            return SelfTestResult.Failed("tasks did not end in time");
        }

        if (_counter != Tasks * Rounds)
        {
            return SelfTestResult.Failed($"counted to {_counter} instead of {Tasks * Rounds}");
        }

        using var fired = new ManualResetEventSlim();
        using var timer = new Timer(_ => fired.Set(), null, 10, Timeout.Infinite);
        return SelfTestResult.Expect(Patience.WaitFor(fired.Wait), "a timer did not fire");
    }

    private async Task CountAsync()
    {
        for (int round = 0; round < Rounds; round++)
        {
            lock (this)
            {
                _counter++;
            }

            await Task.Yield();
        }
    }
}
