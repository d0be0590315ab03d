using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;

namespace VirtioGuest.Labs.Grader.Students;

/// <summary>A student's compiled files.</summary>
internal sealed class StudentCode
{
    private readonly Assembly _assembly;

    /// <summary>Loads a library.</summary>
    public StudentCode(byte[] library, byte[] symbols)
    {
        _assembly = new AssemblyLoadContext("student", isCollectible: true).LoadFromStream(
            new MemoryStream(library), new MemoryStream(symbols));
    }

    /// <summary>Creates a student's object of the type that a lab asks for.</summary>
    /// <exception cref="CheckFailedException">There is none, there are several, or its constructor throws.</exception>
    public T Create<T>()
        where T : class
    {
        Type[] found = [.. _assembly.GetTypes().Where(each => !each.IsAbstract && each.IsSubclassOf(typeof(T)))];
        if (found.Length != 1 || found[0].GetConstructor(Type.EmptyTypes) is null)
        {
            throw new CheckFailedException(new Finding(
                "",
                found.Length switch
                {
                    0 => $"no class is derived from {typeof(T).Name}",
                    1 => $"{found[0].Name} has no public constructor without arguments",
                    _ => $"{found.Length} classes are derived from {typeof(T).Name}",
                },
                $"one class is derived from {typeof(T).Name}, as in the starter"));
        }

        try
        {
            return (T)Activator.CreateInstance(found[0])!;
        }
        catch (TargetInvocationException e)
        {
            throw new CheckFailedException(
                StudentFailure.Of(e.InnerException ?? e, $"the constructor of {found[0].Name}"));
        }
    }
}

/// <summary>What an exception that leaves a student's driver means.</summary>
internal static class StudentFailure
{
    /// <summary>Explains it.</summary>
    /// <param name="thrown">What was thrown.</param>
    /// <param name="what">Who threw it.</param>
    /// <param name="clause">What was being checked.</param>
    public static Finding Of(Exception thrown, string what, string clause = "") => thrown switch
    {
        CheckFailedException failed => failed.Finding,
        NotDoneYetException => new Finding(
            clause,
            $"a step is still to be done: {thrown.Message}",
            "the step is done, and the starter's line is gone"),
        DriverHangsException => new Finding(clause, $"{what} hangs. {thrown.Message}", "the driver ends its wait"),
        WrongAccessException => new Finding(
            clause,
            $"{what} asked for what is not there: {thrown.Message}{Place(thrown)}",
            "each access stays within its block, its region and its alignment"),
        OutOfMemoryException => new Finding(
            clause, $"{what} uses up all memory{Place(thrown)}", "it needs little memory"),
        _ => new Finding(
            clause,
            $"{what} threw {thrown.GetType().Name}: {thrown.Message}{Place(thrown)}",
            "it returns, whatever the device does"),
    };

    /// <summary>Where in the student's files it was thrown, as far as that is known.</summary>
    private static string Place(Exception thrown)
    {
        foreach (string line in (thrown.StackTrace ?? string.Empty).Split('\n'))
        {
            int file = line.IndexOf(" in ", StringComparison.Ordinal);
            int number = line.LastIndexOf(":line ", StringComparison.Ordinal);
            if (file >= 0 && number > file && line.Contains(StudentCompilation.Mark, StringComparison.Ordinal))
            {
                string name = Path.GetFileName(line[(file + 4)..number].Replace('\\', '/'));
                return $" ({name}, line {line[(number + 6)..].Trim()})";
            }
        }

        return string.Empty;
    }
}
