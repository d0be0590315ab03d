using System;
using System.Runtime.CompilerServices;
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

        if (!TestWait.For(time => Task.WaitAll(tasks, time)))
        {
            return SelfTestResult.Failed("tasks did not end in time");
        }

        if (_counter != Tasks * Rounds)
        {
            return SelfTestResult.Failed($"counted to {_counter} instead of {Tasks * Rounds}");
        }

        using var fired = new ManualResetEventSlim();
        using var timer = new Timer(_ => fired.Set(), null, 10, Timeout.Infinite);
        return SelfTestResult.Expect(TestWait.For(fired.Wait), "a timer did not fire");
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

/// <summary>Faults of the processor and thrown exceptions reach their handlers, through finally blocks.</summary>
internal sealed class ExceptionTest : SelfTestCase
{
    private const int Depth = 50;

    private int _finallyBlocks;

    public ExceptionTest()
        : base("faults and exceptions reach their handlers")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        try
        {
            ReadLength(null);
            return SelfTestResult.Failed("a null reference went through");
        }
        catch (NullReferenceException)
        {
        }

        try
        {
            Divide(1, 0);
            return SelfTestResult.Failed("a division by zero went through");
        }
        catch (DivideByZeroException)
        {
        }

        try
        {
            Element([1, 2, 3], 3);
            return SelfTestResult.Failed("an index out of range went through");
        }
        catch (IndexOutOfRangeException)
        {
        }

        _finallyBlocks = 0;
        try
        {
            ThrowDeep(Depth);
            return SelfTestResult.Failed("an exception was lost");
        }
        catch (InvalidOperationException)
        {
            return SelfTestResult.Expect(_finallyBlocks == Depth, $"{_finallyBlocks} of {Depth} finally blocks ran");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ReadLength(string? text) => text!.Length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Divide(int dividend, int divisor) => dividend / divisor;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Element(int[] array, int index) => array[index];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowDeep(int depth)
    {
        if (depth == 0)
        {
            throw new InvalidOperationException("expected by the self-test");
        }

        try
        {
            ThrowDeep(depth - 1);
        }
        finally
        {
            _finallyBlocks++;
        }
    }
}

/// <summary>The runtime is the one that the first line of output names.</summary>
internal sealed class RuntimeVersionTest : SelfTestCase
{
    private readonly string _named;

    public RuntimeVersionTest(string named)
        : base("the runtime is the version that the first line names")
    {
        _named = named;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        string actual = Environment.Version.ToString();
        return SelfTestResult.Expect(actual == _named, $"named {_named}, running {actual}");
    }
}

/// <summary>Threads find their registers as they left them; <c>stress registers</c> does the same for longer.</summary>
internal sealed class RegisterTest : SelfTestCase
{
    public RegisterTest()
        : base("threads keep their registers")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        string? failure = RegisterStress.RunBriefly();
        return failure is null ? SelfTestResult.Passed : SelfTestResult.Failed(failure);
    }
}
