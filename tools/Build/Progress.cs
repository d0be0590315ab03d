using System;
using System.Diagnostics;
using Spectre.Console;

namespace VirtioGuest.Build;

/// <summary>Shows what is being done: a line each with its time, and while it lasts a spinner on a terminal.</summary>
internal sealed class Progress
{
    /// <summary>Does one step. It must not write to the terminal unless it fails.</summary>
    public T Step<T>(string what, Func<T> action)
    {
        Stopwatch watch = Stopwatch.StartNew();
        T result = Console.IsOutputRedirected
            ? action()
            : AnsiConsole.Status().Start(Markup.Escape(what), _ => action());
        Console.WriteLine($"{what}: {watch.Elapsed.TotalSeconds:F1} s");
        return result;
    }

    public void Step(string what, Action action) => Step(what, () =>
    {
        action();
        return true;
    });
}
