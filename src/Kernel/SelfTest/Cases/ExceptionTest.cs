using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Faults of the processor and thrown exceptions reach their handlers, through finally blocks.</summary>
internal sealed class ExceptionTest : SelfTestCase
{
    private const int Depth = 50;

    private int _finallyBlocks;

    /// <summary>Creates the test.</summary>
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
