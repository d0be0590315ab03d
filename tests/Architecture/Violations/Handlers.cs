using System;
using System.Collections.Generic;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to handle exceptions and to clean up.</summary>
public static class Handlers
{
    [Breaks(typeof(ExceptionFilters))]
    public static int Filtered(Func<int> source)
    {
        try
        {
            return source();
        }
        catch (InvalidOperationException exception) when (exception.Message.Length > 3)
        {
            return 0;
        }
    }

    [Breaks(typeof(FinallyHandlers))]
    public static int Cleaned(Func<int> source)
    {
        int count = 0;
        try
        {
            count += source();
        }
        finally
        {
            count++;
        }

        return count;
    }

    [Breaks(typeof(FinallyHandlers))]
    public static int Used(IDisposable resource, Func<int> source)
    {
        using (resource)
        {
            return source();
        }
    }

    [Breaks(typeof(FinallyHandlers))]
    public static int Enumerated(List<int> values)
    {
        int sum = 0;
        foreach (int value in values)
        {
            sum += value;
        }

        return sum;
    }

    public static int Caught(Func<int> source, int[] values, ReadOnlySpan<char> text)
    {
        int sum = 0;
        foreach (int value in values)
        {
            sum += value;
        }

        foreach (char character in text)
        {
            sum += character;
        }

        try
        {
            return sum + source();
        }
        catch (Exception)
        {
            return 0;
        }
    }

    [Breaks(typeof(TypedCatches))]
    public static int Sorted(Func<int> source)
    {
        try
        {
            return source();
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }
}
